"""What a worker counts and logs: outcomes and events, nothing of a record."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.unit.messages import MESSAGE_ID, queued
from tests.unit.worker.handling import Make, leave_effect, lines, numbered, run

if TYPE_CHECKING:
    import psycopg

    from bridge.events import Event
    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret

pytestmark = pytest.mark.usefixtures("function_environment")


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


@pytest.mark.usefixtures("effects")
def should_tell_the_longest_wait_for_postgres(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    handler = make(leave_effect)
    run(handler, *numbered(3))
    run(handler, *numbered(3))

    connected, again = [line["DatabaseWait"] for line in lines(capsys) if "_aws" in line]

    [first], [second] = connected, again
    assert first > second > 0


def should_tell_how_long_it_waited_in_vain(
    make: Make, database_secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})

    run(make(leave_effect), *numbered(2))

    [metrics] = [line for line in lines(capsys) if "_aws" in line]
    assert (metrics["EventFailed"], metrics["DatabaseWait"][0] > 0) == ([2.0], True)


def should_log_the_event_but_nothing_of_its_record(
    make: Make, effects: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    effects.execute("create unique index on public.effect (event)")
    effects.execute("insert into public.effect values ('private')")

    def violate(_event: Event, db: psycopg.Connection) -> None:
        db.execute("insert into public.effect values ('private')")

    run(make(violate), queued({"note": "private"}))

    [failed] = [line for line in lines(capsys) if line.get("message") == "event failed"]
    assert (failed["message_id"], failed["event_id"]) == (MESSAGE_ID, f"{MESSAGE_ID}:0")
    assert failed["webhook"] == "order.created"
    assert (failed["error"], failed["sqlstate"]) == ("UniqueViolation", "23505")
    assert any("violate" in frame for frame in failed["stack"])
    assert "private" not in json.dumps(failed)
