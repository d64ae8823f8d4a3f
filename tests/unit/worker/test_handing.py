"""What a handler is handed: the event with its whole row, and a connection as it was made."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from psycopg.rows import dict_row

from bridge.events import Event
from bridge.worker import worker
from tests.unit.messages import queued
from tests.unit.test_events import ROWS
from tests.unit.worker.handling import Make, leave_effect, numbered, run, seen

if TYPE_CHECKING:
    import psycopg

    from tests.databases import Database as TestDatabase

pytestmark = pytest.mark.usefixtures("function_environment")


def should_hand_each_event_a_connection_as_it_was_made(make: Make, effects: TestDatabase) -> None:
    def change(event: Event, db: psycopg.Connection) -> None:
        assert db.execute("select 1").fetchone() == (1,)
        leave_effect(event, db)
        db.row_factory = dict_row  # type: ignore[assignment]

    assert run(make(change), *numbered(2)) == []
    assert len(seen(effects)) == 2


@given(row=ROWS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=25,
    deadline=None,
)
def should_hand_any_row_to_the_handler_unchanged(
    make: Make, database: TestDatabase, row: dict[str, Any]
) -> None:
    handed: list[Any] = []
    database.execute("truncate bridge.processed_event")

    assert run(make(lambda event, _db: handed.append(event.record)), queued(row)) == []

    assert handed == [row]


def should_stay_callable_with_an_event_and_a_connection(effects: TestDatabase) -> None:
    handler = worker(leave_effect)

    handler(Event.parse(json.dumps(queued({}))), effects.connection)

    assert len(seen(effects)) == 1
    assert effects.scalar("select count(*) from bridge.processed_event") == 0


def should_read_back_the_row_of_a_thin_record(make: Make, database: TestDatabase) -> None:
    database.execute(
        'create table public."Big ""Table""" ("Id %" bigint, kind text, at timestamptz, "flag" bool,'
        ' total numeric, primary key ("Id %", kind, at, flag))'
    )
    database.execute(
        'insert into public."Big ""Table""" values'
        " (9007199254740993, 'O''k', '2026-01-01 00:00:00.123456Z', true, 0.10)"
    )
    key = database.scalar('select to_jsonb(t) - $$total$$ from public."Big ""Table""" as t')
    handed: list[Event] = []

    thin = queued(key, table='Big "Table"', truncated=True)
    assert run(make(lambda event, _db: handed.append(event)), thin) == []

    assert handed[0].record == key | {"total": Decimal("0.10")}
    assert not handed[0].truncated
