"""What a target answers decides: tried again, held or paused, however odd the answer is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.targets import Answer, Target

if TYPE_CHECKING:
    from tests.databases import Database
    from tests.unit.redeliver.targets.outside import Outside


def should_follow_no_redirect(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(302, {"location": "/login"})
    outside.insert()

    outside.run()

    assert [received.path for received in edge.received] == ["/webhook"]
    [[state, attempts, error]] = outside.errors()
    assert (state, attempts) == ("pending", 1)
    assert error == "HTTP 302, and redirects are not followed: declare the url that it leads to"


@pytest.mark.parametrize(("status", "held"), [(500, []), (404, []), (503, ["edge"]), (429, ["edge"])])
def should_try_again_what_is_refused(outside: Outside, edge: Target, status: int, held: list[str]) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(status, body=b'{"error": "private"}')
    outside.insert()

    assert outside.run()["failed"] == 1

    assert outside.errors() == [["pending", 1, f"HTTP {status}"]]
    assert outside.held() == held


def should_wait_as_long_as_the_target_asks(outside: Outside, edge: Target, orders: Database) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(429, {"Retry-After": "1234"})
    outside.insert()

    outside.run()

    query = "select extract(epoch from held_until - now()) from bridge.target where name = 'edge'"
    assert 1200 < orders.scalar(query) <= 1234


def should_pause_a_target_that_is_gone(outside: Outside, edge: Target, orders: Database) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(410)
    outside.insert(2)

    outside.run()
    outside.due()
    outside.run()

    assert 1 <= len(edge.received) <= 2
    assert orders.scalar("select paused_because from bridge.target where name = 'edge'") == "HTTP 410"
    assert {state for state, *_ in outside.errors()} == {"pending"}


def should_give_up_an_answer_that_never_ends(
    outside: Outside, edge: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bytes come in time, each of them, but not the whole.
    monkeypatch.setattr("redeliver.posting._GRACE_SECONDS", -4.0)
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(trickle=0.2)
    outside.insert()

    summary = outside.run(remaining_ms=14_000)

    assert (summary["failed"], summary["pending"]) == (1, 1)
    assert outside.errors() == [["pending", 1, "no answer: none in time"]]


def should_not_read_an_answer_without_end(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(body=b"x" * 5_000_000)
    outside.insert(2)

    assert outside.run()["posted"] == 2


def should_take_the_verdict_before_the_body(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(body=b"x" * 100, trickle_body=0.2)
    outside.insert(3)

    began = time.monotonic()

    assert outside.run()["posted"] == 3
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("asked", ["9" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT", "soon", "-5"])
def should_not_be_thrown_by_what_a_target_asks_for(outside: Outside, edge: Target, asked: str) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(500, {"Retry-After": asked})
    outside.insert()

    outside.run()

    assert outside.errors() == [["pending", 1, "HTTP 500"]]
    assert outside.held() == []
