"""A thin record's row is read back by its key, whatever the key's type and the table's name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import MissingKeyError
from bridge.events import Event
from bridge.thin import whole
from tests.unit.messages import queued

if TYPE_CHECKING:
    from tests.databases import Database


def thin(record: dict[str, Any] | None, **members: Any) -> Event:
    return Event.parse(json.dumps(queued(record, table="thin", truncated=True, **members)))


@pytest.fixture
def rows(database: Database) -> Database:
    database.execute("create table public.thin (id bigint primary key, note text)")
    database.execute("insert into public.thin values (1, 'one'), (2, 'two')")
    return database


def should_read_the_row_of_the_key(rows: Database) -> None:
    event = whole(thin({"id": 2}), rows.connection)

    assert (event.record, event.truncated) == ({"id": 2, "note": "two"}, False)


def should_leave_a_record_thin_whose_row_is_gone(rows: Database) -> None:
    event = whole(thin({"id": 3}), rows.connection)

    assert (event.record, event.truncated) == ({"id": 3}, True)


def should_leave_a_deleted_row_thin(rows: Database) -> None:
    deleted = thin(None, operation="DELETE", old_record={"id": 1})

    assert whole(deleted, rows.connection) is deleted


@pytest.mark.parametrize("key", [{}, {"id": None}, {"id": [1]}, {"id": {}}])
def should_refuse_a_record_without_a_usable_key(rows: Database, key: dict[str, Any]) -> None:
    with pytest.raises(MissingKeyError, match="has no key of single values"):
        whole(thin(key), rows.connection)


def should_find_the_row_by_its_index(rows: Database) -> None:
    rows.execute("insert into public.thin select n, '' from generate_series(3, 20000) as n")
    rows.execute("analyze public.thin")

    scans = "select pg_stat_get_xact_numscans('public.thin'::regclass)"

    with rows.connection.transaction():
        before = rows.scalar(scans)
        whole(thin({"id": 2}), rows.connection)

        assert rows.scalar(scans) == before


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uuid", "01936b2e-7c00-7000-8000-000000000001"),
        ("timestamptz", "2026-01-01 00:00:00.123456+00"),
        ("bytea", "\\x00ff"),
        ("numeric", "1.10"),
        ("int8range", "[1,10)"),
        ("inet", "::1"),
        ("text", "O'Brien % %s {}"),
        ("date", "infinity"),
    ],
)
def should_find_a_row_by_a_key_of_any_scalar_type(database: Database, kind: str, value: str) -> None:
    database.execute(f"create table public.thin (id {kind} primary key, note text)")
    database.execute("insert into public.thin values (%s, 'found')", [value])
    key = database.scalar("select jsonb_build_object('id', id)::text from public.thin")

    event = whole(thin(json.loads(key)), database.connection)

    assert event.row["note"] == "found"
