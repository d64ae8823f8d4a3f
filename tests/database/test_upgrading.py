"""What was deployed becomes what is there today, with what waits in its outbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import SECRET, declaration, webhook

if TYPE_CHECKING:
    from tests.databases import Database

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
QUEUE = "process_order"
OBJECTS = """
select 'function', p.oid::regprocedure::text || ' returns ' || pg_get_function_result(p.oid),
  md5(concat(p.prosrc, pg_get_function_sqlbody(p.oid), p.proconfig, p.provolatile, p.prosecdef))
from pg_proc as p where pronamespace = 'bridge'::regnamespace and prorettype <> 'trigger'::regtype
union all
select 'column', attrelid::regclass || '.' || attname,
  concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, pg_get_expr(d.adbin, d.adrelid))
from pg_attribute as a
join pg_class as c
  on c.oid = a.attrelid and c.relnamespace = 'bridge'::regnamespace and c.relkind in ('r', 'v')
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where attnum > 0 and not attisdropped
union all
select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
from pg_index join pg_class as c on c.oid = indrelid where c.relnamespace = 'bridge'::regnamespace
union all
select 'view', oid::regclass::text, md5(pg_get_viewdef(oid))
from pg_class where relnamespace = 'bridge'::regnamespace and relkind = 'v'
union all
select 'constraint', conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'bridge'::regnamespace
union all
select 'sequence', oid::regclass::text, relpersistence::text
from pg_class where relnamespace = 'bridge'::regnamespace and relkind = 'S'
"""


@pytest.fixture(params=SCHEMAS, ids=lambda path: f"schema-{path.stem}")
def deployed(request: pytest.FixtureRequest, empty_database: Database) -> Database:
    """A database as it was deployed then, with a message in each state, and one that pg_net has answered."""
    connection = empty_database.connection
    connection.execute("create table public.orders (id bigint primary key)")
    with connection.transaction():
        connection.execute(request.param.read_bytes())
        connection.execute("select bridge.set_signing_secret(%s)", [SECRET])
    # The oldest took one target, the others several; none looked at what it didn't know.
    then = {**webhook(table="public.orders", operations=["insert"]), "target": QUEUE}
    connection.execute("select bridge.sync(%s::jsonb, 'tests', null)", [json.dumps(declaration([then]))])
    for order in (1, 2, 3, 4):
        connection.execute("insert into public.orders values (%s)", [order])
    one, two, three, _four = message_of(empty_database)
    connection.execute(
        "update bridge.message set state = 'delivered', delivered_at = now() where id = %s", [one]
    )
    connection.execute(
        "update bridge.message set state = 'dead', last_error = 'HTTP 500' where id = %s", [two]
    )
    connection.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        " select request_id, 202, false, %s from bridge.posted where message_id = %s",
        [json.dumps({"accepted": 1, "webhook_id": three, "targets": [QUEUE]}), three],
    )
    return empty_database


def message_of(database: Database) -> list[str]:
    return [str(each) for each in database.column("select id from bridge.message order by id")]


def upgrade(database: Database) -> None:
    database.install()
    database.sync(table="public.orders", operations=["insert"])


def should_become_what_a_first_deployment_makes(deployed: Database, database: Database) -> None:
    database.execute("create table public.orders (id bigint primary key)")
    upgrade(database)

    upgrade(deployed)

    assert objects(deployed) == objects(database)


def objects(database: Database) -> dict[tuple[str, str], str]:
    return {(kind, name): definition for kind, name, definition in database.rows(OBJECTS)}


@pytest.mark.parametrize("times", [1, 2])
def should_lose_nothing_that_waits(deployed: Database, times: int) -> None:
    before = deployed.rows("select id, body from bridge.message order by id")

    for _ in range(times):
        upgrade(deployed)

    assert deployed.rows("select id, body from bridge.message order by id") == before
    assert deployed.column("select state from bridge.message order by id") == [
        *("delivered", "dead", "pending", "pending"),
    ]


def should_deliver_what_waits(deployed: Database) -> None:
    _one, two, three, four = message_of(deployed)
    upgrade(deployed)

    # What pg_net was answered then has no receipt: it comes again.
    assert deployed.rows("select * from bridge.settle(100)") == [[0, 0]]
    deployed.execute("update bridge.message set due_at = now() where state = 'pending'")
    claimed = deployed.rows("select id, target, body from bridge.claim(100, 60) order by id")

    assert [str(each[0]) for each in claimed] == [three, four]
    assert {each[1] for each in claimed} == {QUEUE}
    assert [event["record"] for event in json.loads(claimed[-1][2])["data"]] == [{"id": 4}]
    ids = [each[0] for each in claimed]
    assert deployed.scalar("select bridge.complete(%s, %s)", [ids, [QUEUE] * len(ids)]) == len(ids)
    deployed.execute("select bridge.replay(message => %s)", [two])
    assert [state(deployed, each) for each in (two, three, four)] == ["pending", "delivered", "delivered"]


def should_capture_from_then_on(deployed: Database) -> None:
    upgrade(deployed)

    deployed.execute("insert into public.orders values (5)")

    newest: dict[str, Any] = deployed.scalar("select body from bridge.message order by id desc limit 1")
    assert [event["record"] for event in newest["data"]] == [{"id": 5}]
    assert deployed.scalar("select count(*) from bridge.message") == 5


def state(database: Database, message: str) -> str:
    found: str = database.scalar("select state from bridge.message where id = %s", [message])
    return found
