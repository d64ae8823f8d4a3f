"""A worker takes effect once for each event, in one transaction, whatever fails around it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from psycopg import Rollback
from psycopg.rows import dict_row

from bridge import retries
from bridge.events import Event
from bridge.worker import Worker, worker
from tests.unit.aws import Context
from tests.unit.messages import MESSAGE_ID, queued, records
from tests.unit.test_events import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret

    Make = Callable[[Callable[[Event, psycopg.Connection], None]], Worker]

pytestmark = pytest.mark.usefixtures("function_environment")


@pytest.fixture
def effects(database: TestDatabase) -> TestDatabase:
    database.execute("create table public.effect (event text not null)")
    return database


@pytest.fixture
def make() -> Iterator[Make]:
    """Decorate handlers, and close their connections in the end."""
    made: list[Worker] = []

    def make(handle: Callable[[Event, psycopg.Connection], None]) -> Worker:
        made.append(worker(handle))
        return made[-1]

    yield make
    for each in made:
        each.database.close()


def leave_effect(event: Event, db: psycopg.Connection) -> None:
    db.execute("insert into public.effect values (%s)", (event.id,))
    if event.row.get("poison"):
        raise ValueError(event.row["poison"])


def numbered(count: int) -> list[dict[str, Any]]:
    return [queued({"id": index}, id=f"{MESSAGE_ID}:{index}") for index in range(count)]


def run(handler: Worker, *events: dict[str, Any] | str, remaining_ms: int = 60_000) -> list[str]:
    """Invoke as Lambda does; return the records that failed."""
    context: Any = Context(remaining_ms)
    answer = handler(records(*events), context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def seen(effects: TestDatabase) -> list[str]:
    return [str(value) for value in effects.column("select event from public.effect order by event")]


def should_handle_each_event_of_a_batch(make: Make, effects: TestDatabase) -> None:
    assert run(make(leave_effect), *numbered(10)) == []

    assert seen(effects) == [event["id"] for event in numbered(10)]


def should_remember_the_event_with_its_effect(make: Make, effects: TestDatabase) -> None:
    run(make(leave_effect), *numbered(1))

    assert effects.rows("select worker, event_id from bridge.processed_event") == [
        [os.environ["WORKER"], f"{MESSAGE_ID}:0"]
    ]


def should_skip_a_duplicate(make: Make, effects: TestDatabase) -> None:
    handler = make(leave_effect)

    assert run(handler, *numbered(1), *numbered(1)) == []
    assert run(handler, *numbered(1)) == []

    assert len(seen(effects)) == 1


def should_take_effect_once_when_duplicates_run_side_by_side(make: Make, effects: TestDatabase) -> None:
    handlers = [make(leave_effect) for _ in range(4)]
    threads = [threading.Thread(target=run, args=(handler, *numbered(5))) for handler in handlers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen(effects) == [event["id"] for event in numbered(5)]


def should_fail_an_event_whose_handler_rolls_back(make: Make, effects: TestDatabase) -> None:
    def roll_back(event: Event, db: psycopg.Connection) -> None:
        leave_effect(event, db)
        raise Rollback

    assert run(make(roll_back), *numbered(1)) == ["record-0"]
    assert seen(effects) == []


def should_hand_each_event_a_connection_as_it_was_made(make: Make, effects: TestDatabase) -> None:
    def change(event: Event, db: psycopg.Connection) -> None:
        assert db.execute("select 1").fetchone() == (1,)
        leave_effect(event, db)
        db.row_factory = dict_row  # type: ignore[assignment]

    assert run(make(change), *numbered(2)) == []
    assert len(seen(effects)) == 2


def should_fail_a_poison_event_alone_and_without_effect(make: Make, effects: TestDatabase) -> None:
    good, bad, other = numbered(3)
    bad["record"]["poison"] = "private"

    assert run(make(leave_effect), good, bad, other) == ["record-1"]

    assert seen(effects) == [good["id"], other["id"]]
    assert effects.scalar("select count(*) from bridge.processed_event") == 2


def should_handle_an_event_again_that_failed(make: Make, effects: TestDatabase) -> None:
    handler = make(leave_effect)
    [event] = numbered(1)

    assert run(handler, event | {"record": {"poison": "once"}}) == ["record-0"]
    assert run(handler, event) == []

    assert len(seen(effects)) == 1


@pytest.mark.parametrize("body", ["", "{}", "no json", "[1]"])
def should_fail_what_is_no_event(make: Make, effects: TestDatabase, body: str) -> None:
    assert run(make(leave_effect), body, *numbered(1)) == ["record-0"]

    assert len(seen(effects)) == 1


def should_report_every_event_when_the_database_is_out_of_reach(
    make: Make, database_secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})

    assert run(make(leave_effect), *numbered(3)) == ["record-0", "record-1", "record-2"]

    output = capsys.readouterr().out
    assert "cannot connect to Postgres at 127.0.0.1:9" in output
    assert "hunter2" not in output


def should_come_back_sooner_from_a_full_pooler_than_from_an_outage(
    make: Make, effects: TestDatabase, database_secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[int] = []

    def schedule(_: str, records: list[Any], delay: Callable[[int], int] = retries.delay_seconds) -> None:
        delays.extend(delay(1) for _ in records)

    monkeypatch.setattr(retries, "schedule", schedule)
    database_secret.put({"database_url": "postgresql://postgres@127.0.0.1:9/postgres"})
    run(make(leave_effect), *numbered(1))
    database_secret.put({"database_url": effects.url})
    effects.execute_as_admin(f'alter database "{effects.name}" connection limit 0')
    run(make(leave_effect), *numbered(2))

    assert delays == [900, 60, 60]


def should_fail_only_the_event_whose_connection_breaks(make: Make, effects: TestDatabase) -> None:
    def break_first(event: Event, db: psycopg.Connection) -> None:
        if event.row["id"] == 1:
            effects.execute_as_admin(f"select pg_terminate_backend({db.info.backend_pid}, 5000)")
        leave_effect(event, db)

    assert run(make(break_first), *numbered(4)) == ["record-1"]

    assert len(seen(effects)) == 3


def should_not_begin_an_event_without_time_to_finish_it(make: Make, effects: TestDatabase) -> None:
    assert run(make(leave_effect), *numbered(2), remaining_ms=1_500) == [
        "record-0",
        "record-1",
    ]

    assert seen(effects) == []


def should_stop_a_statement_before_the_function_is_stopped(make: Make) -> None:
    def sleep(_event: Event, db: psycopg.Connection) -> None:
        db.execute("select pg_sleep(30)")

    assert run(make(sleep), *numbered(1), remaining_ms=2_100) == ["record-0"]


def should_keep_a_handler_from_committing_half_of_its_work(make: Make, effects: TestDatabase) -> None:
    def commit(event: Event, db: psycopg.Connection) -> None:
        leave_effect(event, db)
        db.commit()

    assert run(make(commit), *numbered(1)) == ["record-0"]

    assert seen(effects) == []


def should_fail_an_event_whose_handler_hides_a_failed_statement(make: Make, effects: TestDatabase) -> None:
    def hide(event: Event, db: psycopg.Connection) -> None:
        leave_effect(event, db)
        with contextlib.suppress(Exception):
            db.execute("select 1 / 0")

    assert run(make(hide), *numbered(1)) == ["record-0"]

    assert seen(effects) == []


@pytest.mark.usefixtures("effects")
def should_count_outcomes_by_worker(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = numbered(2)
    bad["record"]["poison"] = "x"

    run(make(leave_effect), good, good, bad)

    [metrics] = [line for line in lines(capsys) if "_aws" in line]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["worker"]]
    assert metrics["worker"] == os.environ["WORKER"]
    assert {name: metrics[name] for name in ("EventProcessed", "EventDuplicate", "EventFailed")} == {
        "EventProcessed": [1.0],
        "EventDuplicate": [1.0],
        "EventFailed": [1.0],
    }


def should_log_the_event_but_nothing_of_its_record(
    make: Make, effects: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    effects.execute("create unique index on public.effect (event)")
    effects.execute("insert into public.effect values ('private')")

    def violate(_event: Event, db: psycopg.Connection) -> None:
        db.execute("insert into public.effect values ('private')")

    run(make(violate), queued({"note": "private"}))

    [failed] = [line for line in lines(capsys) if line.get("message") == "event failed"]
    assert failed["event_id"] == f"{MESSAGE_ID}:0"
    assert failed["webhook"] == "order.created"
    assert (failed["error"], failed["sqlstate"]) == ("UniqueViolation", "23505")
    assert any("violate" in frame for frame in failed["stack"])
    assert "private" not in json.dumps(failed)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


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


@pytest.mark.parametrize("name", ["WORKER", "DATABASE_SECRET_ID", "DATABASE_TLS"])
def should_name_a_setting_that_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from bridge.errors import SettingsError  # noqa: PLC0415

    monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=f"{name} is not set"):
        run(worker(leave_effect), *numbered(1))
