"""A worker takes effect once for each event, in one transaction that it can't end itself."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import pytest
from psycopg import Rollback

from tests.unit.messages import MESSAGE_ID
from tests.unit.worker.handling import Make, leave_effect, numbered, run, seen

if TYPE_CHECKING:
    import psycopg

    from bridge.events import Event
    from tests.databases import Database as TestDatabase

pytestmark = pytest.mark.usefixtures("function_environment")


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


def should_handle_an_event_again_that_failed(make: Make, effects: TestDatabase) -> None:
    handler = make(leave_effect)
    [event] = numbered(1)

    assert run(handler, event | {"record": {"poison": "once"}}) == ["record-0"]
    assert run(handler, event) == []

    assert len(seen(effects)) == 1


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
