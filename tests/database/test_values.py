"""Values come through as to_jsonb shows them, and names as Postgres allows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.databases import webhook

if TYPE_CHECKING:
    from tests.databases import Database

# Names that the trigger functions use themselves.
OURS = [
    "row_",
    "r",
    "n",
    "e",
    "number",
    "position",
    "record",
    "old_record",
    "new",
    "old",
    "new_row",
    "old_row",
]
OURS += ["event", "events", "messages", "posting", "changed", "fires", "failure", "statement_id", "new_rows"]

VALUES = {
    "numeric": "123456789012345678901234567890.123456789",
    "double precision": "0.1",
    "bytea": r"'\x00ff10'",
    "text[]": "array['a,b', null, '\"']",
    "jsonb": """'{"deep": [[[{"x": null}]]]}'""",
    "json": """'{"a": 1,   "a": 2}'""",
    "timestamptz": "'2026-01-02 03:04:05.123456+02'",
    "timestamp": "'infinity'",
    "uuid": "'11111111-2222-4333-8444-555555555555'",
    "int4range": "'[1,5)'",
    "interval": "'1 mon 2 days'",
    "point": "'(1,2)'",
    "inet": "'10.0.0.1/8'",
    "extensions.citext": "'MiXed'",
    "extensions.hstore": "'a=>1, b=>NULL'",
    "public.mood": "'so so'",
    "public.pair": "row(1, 'x')",
}

# Everything Postgres takes in a quoted identifier, up to its 63 bytes.
identifiers = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
    .map(lambda name: name.encode()[:63].decode(errors="ignore"))
    .filter(bool)
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def should_take_columns_named_as_the_triggers_own_variables(database: Database) -> None:
    columns = ", ".join(f'"{name}" integer default 7' for name in OURS)
    database.execute(f"create table public.ours (id integer primary key, {columns})")
    every = {"table": "public.ours", "operations": ["insert", "update", "delete"]}
    database.sync_all(
        [
            webhook(name="all", **every),
            webhook(name="some", columns=OURS, when='new."position" = 7 or old."record" = 7', **every),
        ]
    )

    database.execute("insert into public.ours values (1)")
    database.execute('update public.ours set "row_" = 8, "r" = 9')
    database.execute("delete from public.ours")

    inserted = {"id": 1, **dict.fromkeys(OURS, 7)}
    updated = {**inserted, "row_": 8, "r": 9}
    seen = [(event["old_record"], event["record"]) for event in database.events()]
    assert seen == [
        pair for pair in [(None, inserted), (inserted, updated), (updated, None)] for _ in range(2)
    ]
    assert database.states() == {"pending"}


def should_show_every_type_as_to_jsonb_does(database: Database) -> None:
    database.execute(
        """create type public.mood as enum ('so so'); create type public.pair as (n integer, t text)"""
    )
    columns = ", ".join(f'"c{number}" {kind}' for number, kind in enumerate(VALUES))
    database.execute(
        f'create table public.values (id integer primary key, "Upper Case" text, {columns}, '
        "doubled integer generated always as (id * 2) stored)"
    )
    database.sync(table="public.values", operations=["insert", "update"])

    database.execute(f"insert into public.values values (1, 'x', {', '.join(VALUES.values())})")
    database.execute("update public.values set id = 2")

    shown = database.scalar("select to_jsonb(v)::text from public.values as v")
    in_outbox = database.scalar(
        "select body #> '{data,0,record}' from bridge.message order by id desc limit 1", as_text=True
    )
    assert in_outbox == shown
    assert '"doubled": 4' in shown
    assert "123456789012345678901234567890.123456789" in shown
    assert database.states() == {"pending"}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(value=json_values)
def should_carry_any_json(database: Database, value: Any) -> None:
    database.execute("create table if not exists public.documents (id serial primary key, document jsonb)")
    database.sync(table="public.documents", operations=["insert"])
    database.clear()

    database.execute("insert into public.documents (document) values (%s)", [Jsonb(value)])

    assert json.dumps(database.events()[0]["record"]["document"], sort_keys=True) == json.dumps(
        value, sort_keys=True
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(table=identifiers, column=identifiers)
def should_take_any_identifier(database: Database, table: str, column: str) -> None:
    names = {
        "schema": sql.Identifier("any"),
        "table": sql.Identifier(table),
        "column": sql.Identifier(column),
    }
    database.execute(
        sql.SQL("drop schema if exists {schema} cascade; create schema {schema}").format(**names)
    )
    database.execute(sql.SQL("create table {schema}.{table} ({column} integer primary key)").format(**names))
    quoted = sql.SQL("{schema}.{table}").format(**names).as_string(database.connection)
    database.sync(table=quoted, operations=["insert", "update", "delete"], columns=[column])
    database.clear()

    database.execute(sql.SQL("insert into {schema}.{table} values (1)").format(**names))
    database.execute(sql.SQL("update {schema}.{table} set {column} = 2").format(**names))
    database.execute(sql.SQL("delete from {schema}.{table}").format(**names))

    assert [event["table"] for event in database.events()] == [table] * 3
    assert [event["record"] for event in database.events()] == [{column: 1}, {column: 2}, None]
    assert database.states() == {"pending"}
