"""What is due outside AWS is posted as the database wrote it, signed, in order where that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge import secrets
from tests.unit.redeliver.targets.outside import CURRENT, PREVIOUS, Outside
from tests.unit.targets import Answer, Received, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.databases import Database
    from tests.unit.aws import Secret


def should_post_what_the_database_wrote_signed(outside: Outside, edge: Target, orders: Database) -> None:
    outside.declare(edge=edge.url)
    [message] = outside.insert()

    summary = outside.run()

    [received] = edge.received
    assert (summary["posted"], summary["redelivered"], summary["pending"]) == (1, 1, 0)
    assert received.path == "/webhook"
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["webhook-id"] == message
    assert received.verified(CURRENT)
    assert received.body.decode() == orders.scalar("select body::text from bridge.message")
    assert outside.errors() == [["delivered", 0, None]]


def should_sign_with_both_secrets_while_one_rotates(outside: Outside, edge: Target, secret: Secret) -> None:
    outside.declare(edge=edge.url)
    secret.put({"current": CURRENT, "previous": PREVIOUS})
    secrets.forget()
    outside.insert()

    outside.run()

    assert edge.received[0].verified(CURRENT)
    assert edge.received[0].verified(PREVIOUS)


def should_use_connections_again(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(body=b"x" * 100)
    outside.insert(60)

    assert outside.run()["posted"] == 60

    assert len({received.peer for received in edge.received}) <= 8


def should_deliver_again_only_what_failed(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)

    def poisoned(received: Received) -> Answer:
        return Answer(500 if json.loads(received.body)["data"][0]["record"]["id"] == 3 else 202)

    edge.answer = poisoned
    outside.insert(5)

    summary = outside.run()

    assert (summary["posted"], summary["failed"]) == (4, 1)
    assert [state for state, *_ in outside.errors()] == ["delivered"] * 2 + ["pending"] + ["delivered"] * 2


def should_name_a_secret_that_has_no_value(outside: Outside, edge: Target, secret: Secret) -> None:
    outside.declare(edge=edge.url)
    secret.put({"current": "", "previous": ""})
    secrets.forget()
    outside.insert()

    outside.run()

    [[_, _, error]] = outside.errors()
    assert '"current" of secret' in error
    assert edge.received == []


def should_begin_nothing_that_could_not_be_recorded(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url, timeout=30)
    outside.insert()

    summary = outside.run(remaining_ms=45_000)

    assert (summary["posted"], summary["failed"], summary["pending"]) == (0, 0, 1)
    assert edge.received == []


def should_name_a_target_that_is_not_deployed(
    outside: Outside, edge: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.declare(edge=edge.url)
    monkeypatch.setenv("TARGETS", "{}")
    outside.insert()

    outside.run()

    assert outside.errors() == [
        ["pending", 1, 'target "edge" of webhook "webhook" is not deployed; deployed: none']
    ]


def should_keep_the_order_of_an_ordered_target(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url, ordered=True)
    first, second, *others = outside.insert(12)
    failed: list[str] = []

    def busy(received: Received) -> Answer:
        message = received.headers["webhook-id"]
        if message == second and not failed:
            failed.append(message)
            return Answer(500)
        return Answer(200)

    edge.answer = busy
    outside.run()
    # One that fails holds up those behind it, until it is accepted.
    assert [received.headers["webhook-id"] for received in edge.received] == [first, second]

    outside.due()
    outside.run()
    assert [received.headers["webhook-id"] for received in edge.received] == [first, second, second, *others]


RECEIPTS = "select gives_receipts from bridge.target where name = 'edge'"


@pytest.mark.parametrize("secret_in_use", [CURRENT, PREVIOUS])
def should_note_that_a_target_gives_receipts(
    outside: Outside, edge: Target, secret: Secret, orders: Database, secret_in_use: str
) -> None:
    outside.declare(edge=edge.url)
    secret.put({"current": CURRENT, "previous": PREVIOUS})
    secrets.forget()
    edge.answer = lambda received: Answer(body=b"\xf0" + received.receipt(secret_in_use))
    outside.insert()
    assert orders.scalar(RECEIPTS) is False

    outside.run()

    assert orders.scalar(RECEIPTS) is True


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: Answer(body=b"OK"),
        lambda received: Answer(body=received.receipt("X" * 64)),
        lambda received: Answer(500, body=received.receipt(CURRENT)),
        # What the request itself holds.
        lambda received: Answer(body=received.headers["webhook-signature"].encode()),
    ],
)
def should_take_nothing_else_for_a_receipt(
    outside: Outside, edge: Target, orders: Database, answer: Callable[[Received], Answer]
) -> None:
    outside.declare(edge=edge.url)
    edge.answer = answer
    outside.insert()

    outside.run()

    assert orders.scalar(RECEIPTS) is False
