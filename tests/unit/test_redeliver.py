"""What is due reaches its queue, and a message counts as delivered only when all of it has."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bridge.database import Database
from bridge.errors import DatabaseUnavailableError, SettingsError
from bridge.events import Event
from redeliver.running import Run
from tests.unit.aws import Context, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret

    Redeliver = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("function_environment")
RUNG = {"Records": [{"eventSource": "aws:sqs", "messageId": "ring", "body": "{}"}]}
SCHEDULED = {"source": "aws.events"}


@pytest.fixture
def orders(database: TestDatabase) -> TestDatabase:
    database.execute("create table public.orders (id bigint primary key, note text)")
    database.sync(table="public.orders", operations=["insert"])
    return database


@pytest.fixture
def redeliver() -> Iterator[Redeliver]:
    from redeliver import handler  # noqa: PLC0415  # reads Powertools' variables when it is imported

    handler.settings.cache_clear()
    handler.outbox.cache_clear()
    context: Any = Context()

    def redeliver(event: dict[str, Any] = SCHEDULED, remaining_ms: int = 60_000) -> dict[str, Any]:
        context.remaining_ms = remaining_ms
        return handler.handler(event, context)

    yield redeliver
    if handler.outbox.cache_info().currsize:
        handler.outbox().close()


def insert(orders: TestDatabase, first: int, last: int) -> None:
    """One statement, whose messages are due at once: pg_net has lost them."""
    orders.execute(
        "insert into public.orders select n, 'note ' || n from generate_series(%s::int, %s) as n",
        [first, last],
    )
    orders.execute("update bridge.message set due_at = now() where state = 'pending'")


def delivered(queue: Queue) -> list[int]:
    return sorted(Event.parse(body).row["id"] for body in queue.bodies())


def should_put_every_event_of_what_is_due_into_the_queue(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    insert(orders, 1, 250)
    insert(orders, 251, 251)

    summary = redeliver()

    assert delivered(queue) == list(range(1, 252))
    assert orders.states() == {"delivered"}
    assert summary | {"oldest_seconds": 0} == {
        "rung": False,
        "settled": 0,
        "settled_failed": 0,
        "redelivered": 4,
        "events": 251,
        "posted": 0,
        "failed": 0,
        "dead": 0,
        "pruned": 0,
        "pending": 0,
        "oldest_seconds": 0,
        "paused": 0,
        "batchItemFailures": [],
    }


def should_deliver_the_events_as_the_receiver_would(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    insert(orders, 1, 1)
    [message] = orders.messages()

    redeliver()

    [body] = queue.bodies()
    assert json.loads(body) == message["data"][0] | {
        name: message[name] for name in ("type", "timestamp", "transaction")
    }


def should_leave_alone_what_is_not_due(redeliver: Redeliver, orders: TestDatabase, queue: Queue) -> None:
    orders.execute("insert into public.orders values (1)")

    summary = redeliver()

    assert (summary["redelivered"], summary["pending"]) == (0, 1)
    assert queue.bodies() == []


def should_settle_what_pg_net_has_delivered(redeliver: Redeliver, orders: TestDatabase, queue: Queue) -> None:
    orders.execute("insert into public.orders values (1)")
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        ' select request_id, 202, false, message_id || \'"targets": ["process_order"]\' from bridge.posted'
    )

    assert redeliver()["settled"] == 1
    assert orders.states() == {"delivered"}
    assert queue.bodies() == []


def should_write_and_deliver_a_backfill_in_one_run(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redeliver.running.BACKFILL_ROWS", 70)
    insert(orders, 1, 251)
    orders.clear()
    orders.execute("select bridge.backfill('webhook')")

    redeliver()

    assert delivered(queue) == list(range(1, 252))
    assert orders.rows("select events, finished_at is not null from bridge.backfills") == [[251, True]]


def should_let_through_what_a_webhook_may_send(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    orders.execute("select bridge.pause_webhook('webhook')")
    insert(orders, 1, 3)
    orders.execute("update bridge.message set due_at = 'infinity'")
    summary = redeliver()
    assert (summary["redelivered"], summary["pending"], summary["oldest_seconds"]) == (0, 1, 0)

    orders.execute("select bridge.resume_webhook('webhook')")
    redeliver()

    assert delivered(queue) == [1, 2, 3]


def should_take_more_than_one_lease(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redeliver.running.CLAIM_MESSAGES", 2)
    for order in range(5):
        insert(orders, order, order)

    assert redeliver()["redelivered"] == 5
    assert delivered(queue) == [0, 1, 2, 3, 4]


def should_try_again_later_when_the_queue_takes_nothing(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    insert(orders, 1, 2)
    queue.delete()

    summary = redeliver()

    assert (summary["redelivered"], summary["failed"], summary["pending"]) == (0, 1, 1)
    [[state, attempts, error, is_due]] = orders.rows(
        "select state, attempts, last_error, due_at <= now() from bridge.message"
    )
    assert (state, attempts, is_due) == ("pending", 1, False)
    assert error.startswith("2 of 2 events could not be enqueued: ")
    assert "NonExistentQueue" in error


def should_not_call_a_message_delivered_of_which_a_part_is_missing(
    redeliver: Redeliver, orders: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Queue.create(MaximumMessageSize="1024")
    monkeypatch.setenv("QUEUES", json.dumps({"process_order": small.url}))
    insert(orders, 1, 1)
    orders.execute("insert into public.orders values (2, 'small'), (3, repeat('large', 1000))")
    orders.execute("update bridge.message set due_at = now()")

    summary = redeliver()

    assert (summary["redelivered"], summary["failed"]) == (1, 1)
    assert orders.states() == {"delivered", "pending"}


def should_name_a_target_that_is_not_deployed(redeliver: Redeliver, orders: TestDatabase) -> None:
    insert(orders, 1, 1)
    orders.execute("update bridge.message set target = 'gone'")

    assert redeliver()["failed"] == 1
    assert orders.scalar("select last_error from bridge.message") == (
        'target "gone" of webhook "webhook" is not deployed; deployed: process_order'
    )


def should_give_up_after_the_last_attempt(redeliver: Redeliver, orders: TestDatabase) -> None:
    insert(orders, 1, 1)
    orders.execute("update bridge.message set body = '{}', attempts = 9")

    summary = redeliver()

    assert summary["dead"] == 1
    assert orders.rows("select state, last_error from bridge.message") == [
        ["dead", 'malformed message: "type" is missing']
    ]


def should_deliver_each_message_once_when_several_run(
    redeliver: Redeliver,
    orders: TestDatabase,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    database_secret: Secret,
) -> None:
    from redeliver.client import Client  # noqa: PLC0415
    from redeliver.outbox import Outbox  # noqa: PLC0415
    from redeliver.running import Run  # noqa: PLC0415

    monkeypatch.setattr("redeliver.running.CLAIM_MESSAGES", 3)
    for order in range(40):
        insert(orders, order, order)

    databases = [Database(database_secret.id, tls="disable", application_name="run") for _ in range(3)]
    client = Client(allowed_ranges=(), connections=1)
    runs = [Run(Outbox(each), {"process_order": queue.url}, {}, client, lambda: 60_000) for each in databases]
    threads = [threading.Thread(target=run.redeliver, kwargs={"rung": False}) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in databases:
        each.close()

    assert sum(run.summary.redelivered for run in runs) == 40
    assert delivered(queue) == list(range(40))
    assert redeliver()["redelivered"] == 0


def should_fail_no_write_where_serializable_is_the_default(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    name = orders.scalar("select current_database()")
    orders.execute(f"alter database {name} set default_transaction_isolation to serializable")
    insert(orders, 1, 1)
    with orders.connect() as writer:
        writer.autocommit = False
        writer.execute("select count(*) from bridge.message")
        writer.execute("insert into public.orders values (2)")

        assert redeliver()["redelivered"] == 1
        # Both read what the other wrote, which two serializable transactions may not.
        writer.execute("select count(*) from bridge.message where state = 'delivered'")
        writer.commit()

    assert delivered(queue) == [1]


def should_stop_before_the_function_is_stopped(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    insert(orders, 1, 1)

    summary = redeliver(remaining_ms=9_999)

    assert (summary["redelivered"], summary["pending"]) == (0, 1)
    assert queue.bodies() == []


@dataclass
class Clock:
    """Time that passes only while a run pauses; what is written meanwhile comes from `write`."""

    write: Callable[[int], None]
    paused: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.paused)

    def sleep(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.write(len(self.paused))


def should_look_again_for_a_while_when_rung(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(pause: int) -> None:
        if pause in {2, 3, 6}:
            insert(orders, pause, pause)

    clock = Clock(write)
    monkeypatch.setattr("redeliver.running.time", clock)

    summary = redeliver(RUNG)

    assert (summary["rung"], summary["redelivered"]) == (True, 3)
    assert delivered(queue) == [2, 3, 6]
    # Each second, until nothing came for three.
    assert clock.paused == [1] * 9


def should_prune_on_schedule(redeliver: Redeliver, orders: TestDatabase) -> None:
    orders.execute(
        "insert into bridge.message (id, webhook, target, body, state)"
        " values (bridge.message_id_at(now() - interval '8 days'), 'webhook', 'orders', '{}', 'delivered')"
    )

    assert redeliver()["pruned"] == 1
    assert orders.scalar("select count(*) from bridge.message") == 0


def should_prune_where_deliveries_take_all_the_time_there_is(
    redeliver: Redeliver, orders: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.execute(
        "insert into bridge.message (id, webhook, target, body, state)"
        " select gen_random_uuid(), 'webhook', 'orders', '{}', 'delivered' from generate_series(1, 7000)"
    )
    orders.execute("update bridge.message set id = overlay(id::text placing '0190' from 1 for 4)::uuid")

    def take_all_the_time(run: Run, *, rung: bool) -> None:
        assert not rung
        monkeypatch.setattr(run, "_remaining_ms", lambda: 9_000)

    monkeypatch.setattr(Run, "redeliver", take_all_the_time)

    assert redeliver()["pruned"] == 7_000


def should_publish_what_waits(
    redeliver: Redeliver, orders: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(orders, 1, 1)
    orders.execute("insert into public.orders values (2)")
    orders.execute("update bridge.message set created_at = now() - interval '1 hour'")

    redeliver()

    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics["Backlog"] == [1.0]
    assert metrics["OldestMessageAge"][0] == pytest.approx(3600, abs=60)
    assert (metrics["DeadMessages"], metrics["Redelivered"]) == ([0.0], [1.0])


def should_raise_when_the_database_is_out_of_reach(redeliver: Redeliver, database_secret: Secret) -> None:
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})

    with pytest.raises(DatabaseUnavailableError):
        redeliver()


@pytest.mark.parametrize(
    ("value", "problem"),
    [("[]", "QUEUES must be a JSON object, not '[]'"), ("x", "QUEUES must be a JSON object")],
)
def should_name_a_setting_that_is_wrong(
    redeliver: Redeliver, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("QUEUES", value)

    with pytest.raises(SettingsError, match="the environment variable ") as raised:
        redeliver()
    assert problem in str(raised.value)
