"""What is due reaches its queue, and a message counts as delivered only when all of it has."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from bridge.database import Database
from tests.unit.aws import Queue
from tests.unit.redeliver.queues.orders import Redeliver, delivered, insert

if TYPE_CHECKING:
    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret

pytestmark = pytest.mark.usefixtures("function_environment")


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
        "broken": [],
        "pending": 0,
        "oldest_seconds": 0,
        "paused": 0,
        "missing_triggers": 0,
        # No worker of pg_net runs beside these tests.
        "problems": 1,
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
    receipts = orders.receipts(str(orders.scalar("select message_id from bridge.posted")))
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        " select request_id, 202, false, %s from bridge.posted",
        [json.dumps(receipts)],
    )

    assert redeliver()["settled"] == 1
    assert orders.states() == {"delivered"}
    assert queue.bodies() == []


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


def should_try_again_later_when_the_queue_takes_nothing(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, caplog: pytest.LogCaptureFixture
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
    message = orders.scalar("select id from bridge.message")
    assert f"message {message} did not reach handle_order: {error}" in caplog.messages


def should_not_call_a_message_delivered_of_which_a_part_is_missing(
    redeliver: Redeliver, orders: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Queue.create(MaximumMessageSize="1024")
    monkeypatch.setenv("QUEUES", json.dumps({"handle_order": small.name}))
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
        'target "gone" of webhook "webhook" is not deployed; deployed: handle_order'
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
    runs = [Run(Outbox(each), {"handle_order": queue.url}, {}, client, lambda: 60_000) for each in databases]
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
