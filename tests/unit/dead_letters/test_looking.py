"""Dead letters are looked at, and stay where they are."""

from __future__ import annotations

from tests.unit.dead_letters.worker import Worker, event, ids, moved
from tools.cli.letters import Choice


def should_look_at_all_and_leave_them(worker: Worker) -> None:
    worker.die(*map(event, range(25)))
    found = worker.letters.look(Choice(), 100)
    assert [letter.event_id for letter in found] == [f"message:{number}" for number in range(25)]
    assert found[3].webhook == "order.created"
    assert found[3].at.isoformat() == "2026-11-23T15:00:03+00:00"
    assert sorted(ids(worker.received(worker.dead_letters))) == sorted(ids([*map(event, range(25))]))


def should_look_at_no_more_than_asked_for(worker: Worker) -> None:
    worker.die(*map(event, range(25)))
    assert len(worker.letters.look(Choice(), 12)) == 12
    assert worker.letters.count() == (25, 0)


def should_say_how_many_somebody_is_looking_at(worker: Worker) -> None:
    worker.die(*map(event, range(3)))
    worker.client.receive_message(QueueUrl=worker.dead_letters, VisibilityTimeout=60)
    assert worker.letters.count() == (2, 1)


def should_do_nothing_with_an_empty_queue(worker: Worker) -> None:
    assert moved(worker.letters.redrive(Choice())) == []
    assert worker.letters.look(Choice(), 10) == []
    assert worker.letters.count() == (0, 0)
