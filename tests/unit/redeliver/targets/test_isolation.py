"""One target's troubles are no other's, and no queue's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.unit.redeliver.targets.outside import CURRENT
from tests.unit.targets import Answer, Received, Target

if TYPE_CHECKING:
    from tests.databases import Database
    from tests.unit.aws import Queue
    from tests.unit.redeliver.targets.outside import Outside


def should_spare_a_target_that_is_out_of_reach(outside: Outside, edge: Target, orders: Database) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(503)
    outside.insert(40)

    summary = outside.run()

    assert len(edge.received) <= 8
    assert summary["failed"] == len(edge.received)
    attempted = [attempts for _, attempts, _ in outside.errors() if attempts]
    assert orders.scalar("select count(*) from bridge.message where due_at > now() and attempts = 0") == 0
    assert len(attempted) == len(edge.received)
    edge.answer = lambda _: Answer()
    outside.due()
    # First with one message, then with all.
    assert outside.run()["posted"] == 40


def should_deliver_to_others_while_one_is_silent(outside: Outside, edge: Target, other: Target) -> None:
    outside.declare(timeout=1, edge=edge.url, other=other.url)
    edge.answer = lambda _: Answer(pause=3)
    outside.insert(20)

    began = time.monotonic()
    summary = outside.run()

    assert time.monotonic() - began < 30
    assert summary["posted"] == 20
    assert len(other.received) == 20
    assert {error for _, attempts, error in outside.errors() if attempts} == {"no answer: none in time"}
    assert outside.held() == ["edge"]


def should_serve_each_target_in_its_turn(outside: Outside, edge: Target, other: Target) -> None:
    outside.declare(edge=edge.url, other=other.url)
    edge.answer = lambda _: Answer(pause=0.3)
    outside.insert(150)
    outside.forget("other")
    [*_, last] = outside.insert()

    outside.run(remaining_ms=20_000)

    assert [received.headers["webhook-id"] for received in other.received] == [last]
    assert len(edge.received) < 151


def should_deliver_to_queues_while_targets_are_slow(
    outside: Outside, edge: Target, queue: Queue, orders: Database
) -> None:
    outside.declare(timeout=5, edge=edge.url)

    def slow(_: Received) -> Answer:
        outside.enqueue_later()
        return Answer(pause=4)

    edge.answer = slow
    outside.insert()

    outside.run()

    assert len(queue.bodies()) == 1
    [waited] = orders.column(
        "select extract(epoch from q.delivered_at - q.created_at) from bridge.message as q"
        " where target = 'handle_order'"
    )
    assert waited < 3


def should_record_what_was_delivered_where_receipts_cannot_be_noted(
    outside: Outside, edge: Target, orders: Database
) -> None:
    """As while a deployment has brought the function, and not yet the database."""
    outside.declare(edge=edge.url)
    edge.answer = lambda received: Answer(body=received.receipt(CURRENT))
    outside.insert()
    orders.execute("drop function bridge.note_receipts(text[], boolean)")

    summary = outside.run()

    assert summary["posted"] == 1
    assert "note receipts" in summary["broken"]
    assert orders.states() == {"delivered"}
