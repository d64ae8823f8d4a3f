"""What is due outside AWS is posted, signed, and one target's troubles are no other's."""

from __future__ import annotations

import ipaddress
import json
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bridge import secrets
from tests.databases import webhook
from tests.unit.aws import Context
from tests.unit.aws import Secret as Entry
from tests.unit.targets import Answer, Received, Target
from tests.unit.test_database_tls import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.databases import Database
    from tests.unit.aws import Queue, Secret

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


@dataclass
class Running(Context):
    """Lambda's context of a function that is stopped at a time of time.monotonic()."""

    stopped_at: float = 0

    def get_remaining_time_in_millis(self) -> int:
        return int((self.stopped_at - time.monotonic()) * 1_000)


class Outside:
    """Declares targets to the database and to the function, and runs the function."""

    def __init__(self, orders: Database, secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
        self._orders = orders
        self._secret = secret
        self._monkeypatch = monkeypatch

    def declare(
        self, timeout: float = 2, ranges: str = '["127.0.0.0/8"]', *, ordered: bool = False, **urls: str
    ) -> None:
        targets = [
            {"name": name, "kind": "http", "url": url, "ordered": ordered} for name, url in urls.items()
        ]
        declared = webhook(table="public.orders", operations=["insert"], targets=list(urls))
        self._orders.sync_all([declared], targets=targets)
        environment = {
            "TARGETS": json.dumps(
                {name: {"url": url, "timeout": timeout, "ordered": ordered} for name, url in urls.items()}
            ),
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

    def forget(self, target: str) -> None:
        self._orders.execute("delete from bridge.message where target = %s", [target])

    def enqueue_later(self) -> None:
        """A message for the queue, written while the run is under way."""
        with self._orders.connect() as connection:
            connection.execute(
                "insert into bridge.message (id, webhook, target, body)"
                " select id, webhook, 'process_order', body from bridge.message limit 1"
            )

    def due(self) -> None:
        self._orders.execute("update bridge.message set due_at = created_at where state = 'pending'")
        self._orders.execute("update bridge.target set held_until = '-infinity'")

    def run(self, remaining_ms: int = 60_000) -> dict[str, Any]:
        from redeliver import handler  # noqa: PLC0415  # reads Powertools' variables when it is imported

        for cached in (handler.settings, handler.outbox, handler.client):
            cached.cache_clear()
        context: Any = Running(stopped_at=time.monotonic() + remaining_ms / 1_000)
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
    edge.answer = lambda _: Answer(body=b"x" * 100)
    outside.insert(60)

    assert outside.run()["posted"] == 60

    assert len({received.peer for received in edge.received}) <= 8


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
        " where target = 'process_order'"
    )
    assert waited < 3


def should_reach_no_private_address_by_another_spelling() -> None:
    from redeliver.client import may_reach  # noqa: PLC0415

    spellings = ["10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fe80::1", "fc00::1"]
    spellings += ["169.254.169.254", "100.64.0.1", "224.0.0.1", "ff02::1", "0.0.0.0", "::"]
    private = [spelling for spelling in spellings if may_reach(ipaddress.ip_address(spelling), [])]

    assert private == []
    assert may_reach(ipaddress.ip_address("1.1.1.1"), [])
    assert may_reach(ipaddress.ip_address("2606:4700:4700::1111"), [])
    assert may_reach(ipaddress.ip_address("::ffff:10.0.0.1"), [ipaddress.ip_network("10.0.0.0/8")])


def should_refuse_a_certificate_that_nobody_trusts(outside: Outside, edge: Target, tmp_path: Path) -> None:
    outside.declare(edge=edge.url.replace("http://127.0.0.1", "https://localhost"))
    certificate = make_certificate(tmp_path)
    (tmp_path / "server.crt").write_text(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    edge.socket = context.wrap_socket(edge.socket, server_side=True)
    outside.insert()

    outside.run()

    [[_, _, error]] = outside.errors()
    assert "certificate" in error
    assert edge.received == []


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
