"""What fails of a batch, and when it comes back: a poison event alone, in an outage everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge import retries
from bridge.worker import worker
from tests.unit.worker.handling import Make, leave_effect, numbered, run, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from bridge.events import Event
    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret

pytestmark = pytest.mark.usefixtures("function_environment")


def should_fail_a_poison_event_alone_and_without_effect(make: Make, effects: TestDatabase) -> None:
    good, bad, other = numbered(3)
    bad["record"]["poison"] = "private"

    assert run(make(leave_effect), good, bad, other) == ["record-1"]

    assert seen(effects) == [good["id"], other["id"]]
    assert effects.scalar("select count(*) from bridge.processed_event") == 2


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


@pytest.mark.parametrize("name", ["WORKER", "DATABASE_SECRET_ID", "DATABASE_TLS"])
def should_name_a_setting_that_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from bridge.errors import SettingsError  # noqa: PLC0415

    monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=f"{name} is not set"):
        run(worker(leave_effect), *numbered(1))
