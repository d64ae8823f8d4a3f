"""What is due outside AWS is posted, signed, and one target's troubles are no other's."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge import secrets
from tests.databases import webhook
from tests.unit.aws import Context
from tests.unit.aws import Secret as Entry
from tests.unit.targets import Answer, Received, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases import Database
    from tests.unit.aws import Secret

    Redeliver = Callable[..., dict[str, Any]]

CURRENT, PREVIOUS = "C" * 64, "P" * 64


@pytest.fixture
def edge() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


@pytest.fixture
def other() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


@pytest.fixture
def secret(aws: None) -> Secret:  # noqa: ARG001
    return Entry.create_unique({"current": CURRENT, "previous": ""}, "target-edge")


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    return database


class Outside:
    """Declares targets to the database and to the function, and runs the function."""

    def __init__(self, orders: Database, secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
        self._orders = orders
        self._secret = secret
        self._monkeypatch = monkeypatch

    def declare(self, timeout: float = 2, ranges: str = '["127.0.0.0/8"]', **urls: str) -> None:
        targets = [{"name": name, "kind": "http", "url": url} for name, url in urls.items()]
        declared = webhook(table="public.orders", operations=["insert"], targets=list(urls))
        self._orders.sync_all([declared], targets=targets)
        environment = {
            "TARGETS": json.dumps({name: {"url": url, "timeout": timeout} for name, url in urls.items()}),
            "ALLOWED_TARGET_RANGES": ranges,
            **{f"TARGET_{name.upper()}_SECRET_ID": self._secret.id for name in urls},
        }
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def insert(self, count: int = 1) -> list[str]:
        """Each its own statement and message, all due at once; returns the ids, oldest first."""
        first = self._orders.scalar("select coalesce(max(id), 0) from public.orders")
        for order in range(first + 1, first + count + 1):
            self._orders.execute("insert into public.orders values (%s)", [order])
        self.due()
        return self._orders.column("select distinct id::text from bridge.message order by 1")

    def due(self) -> None:
        self._orders.execute("update bridge.message set due_at = created_at where state = 'pending'")
        self._orders.execute("update bridge.target set held_until = '-infinity'")

    def run(self, remaining_ms: int = 60_000) -> dict[str, Any]:
        from redeliver import handler  # noqa: PLC0415  # reads Powertools' variables when it is imported

        for cached in (handler.settings, handler.outbox, handler.poster):
            cached.cache_clear()
        context: Any = Context()
        context.remaining_ms = remaining_ms
        try:
            return handler.handler({"source": "aws.events"}, context)
        finally:
            handler.outbox().close()

    def errors(self, target: str = "edge") -> list[Any]:
        query = "select state, attempts, last_error from bridge.message where target = %s order by id"
        return self._orders.rows(query, [target])

    def held(self) -> list[str]:
        return self._orders.column(
            "select name from bridge.target where held_until > clock_timestamp() order by 1"
        )


@pytest.fixture
def outside(
    function_environment: None,  # noqa: ARG001
    orders: Database,
    secret: Secret,
    monkeypatch: pytest.MonkeyPatch,
) -> Outside:
    return Outside(orders, secret, monkeypatch)


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


def should_spare_a_target_that_is_out_of_reach(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(503)
    outside.insert(40)

    summary = outside.run()

    assert len(edge.received) <= 8
    assert summary["failed"] == len(edge.received)
    attempted = [attempts for _, attempts, _ in outside.errors() if attempts]
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


def should_give_up_an_answer_that_never_ends(
    outside: Outside, edge: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bytes come in time, each of them, but not the whole.
    monkeypatch.setattr("redeliver.posting._GRACE_SECONDS", -4.0)
    monkeypatch.setattr("redeliver.running.POST_SECONDS", 1.0)
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(body=b"x" * 30, trickle=0.5)
    outside.insert()

    summary = outside.run()

    assert (summary["failed"], summary["pending"]) == (1, 1)
    assert outside.errors() == [["pending", 1, "no answer: none in time"]]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:9/", "no answer: Connection refused"),
        ("http://nowhere.invalid/", "no answer: the host's name can't be resolved"),
    ],
)
def should_say_why_there_was_no_answer(outside: Outside, url: str, error: str) -> None:
    outside.declare(edge=url)
    outside.insert()

    outside.run()

    assert outside.errors() == [["pending", 1, error]]
    assert outside.held() == ["edge"]


def should_refuse_a_target_without_tls_where_tls_is_asked_for(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url.replace("http:", "https:"))
    outside.insert()

    outside.run()

    [[_, _, error]] = outside.errors()
    assert error.startswith("no answer: ")
    assert edge.received == []


@pytest.mark.parametrize("ranges", ["[]", '["10.0.0.0/8", "::1/128"]'])
def should_send_nothing_to_a_private_address(outside: Outside, edge: Target, ranges: str) -> None:
    outside.declare(ranges=ranges, edge=edge.url, other=edge.url.replace("127.0.0.1", "localhost"))
    outside.insert()

    outside.run()

    assert edge.received == []
    for target in ("edge", "other"):
        [[_, _, error]] = outside.errors(target)
        assert error == (
            "no answer: the host has a private address; name its network in allowed_target_ranges"
        )


def should_use_connections_again(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(body=b"x" * 10_000)
    outside.insert(60)

    assert outside.run()["posted"] == 60

    assert len({received.peer for received in edge.received}) <= 8


def should_not_read_an_answer_without_end(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url)
    edge.answer = lambda _: Answer(body=b"x" * 5_000_000)
    outside.insert(2)

    assert outside.run()["posted"] == 2


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
