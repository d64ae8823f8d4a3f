"""An order that is not paid when it is due expires, however often its time is moved."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from bridge import aws as aws_clients
from bridge import secrets
from expire_order.expiry import LONGEST_SECONDS, expire_if_due
from tests.fixtures import clone
from tests.unit.aws import Context, Queue, Secret
from tests.unit.machines import Machine, deploy
from tests.unit.messages import queued, records
from tools.local.aws import client_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database
    from tests.servers import Server

SHOP = Path(__file__).parents[1]
FOLDER = SHOP / "workers" / "expire_order"
SCHEMA = SHOP / "schema.sql"


@pytest.fixture(scope="module")
def orders(server: Server, bridge_template: str) -> Iterator[Database]:
    for database in clone(server, bridge_template):
        database.connection.execute(SCHEMA.read_bytes())
        yield database


def order(orders: Database, due: str | None, status: str = "pending") -> int:
    """Insert an order that is due at a SQL expression's time."""
    return int(
        orders.scalar(
            "insert into public.orders (total, status, payment_due_at)"
            f" values (9.99, %s, {due or 'null'}) returning id",
            [status],
        )
    )


def status(orders: Database, number: int) -> str:
    return str(orders.scalar("select status from public.orders where id = %s", [number]))


@pytest.mark.parametrize("before", ["pending", "processed"])
@pytest.mark.parametrize("due", ["now()", "now() - interval '1 year'"])
def should_expire_an_order_that_is_due(orders: Database, before: str, due: str) -> None:
    number = order(orders, due, before)

    assert expire_if_due(number, orders.connection) == {"status": "expired"}
    assert status(orders, number) == "expired"


def should_do_no_harm_when_it_is_called_again(orders: Database) -> None:
    number = order(orders, "now()")

    expire_if_due(number, orders.connection)
    assert expire_if_due(number, orders.connection) == {"status": "over"}
    assert status(orders, number) == "expired"


@pytest.mark.parametrize("due", ["now() - interval '1 day'", "now() + interval '1 day'"])
def should_leave_an_order_alone_that_is_paid(orders: Database, due: str) -> None:
    number = order(orders, due, "paid")

    assert expire_if_due(number, orders.connection) == {"status": "over"}
    assert status(orders, number) == "paid"


def should_never_expire_an_order_without_a_due_time(orders: Database) -> None:
    assert expire_if_due(order(orders, None), orders.connection) == {"status": "over"}


def should_be_done_with_an_order_that_is_gone(orders: Database) -> None:
    assert expire_if_due(0, orders.connection) == {"status": "over"}


@pytest.mark.parametrize(
    ("due", "seconds"),
    [
        ("clock_timestamp() + interval '0.9 s'", 1),
        ("clock_timestamp() + interval '59.9 s'", 60),
        ("clock_timestamp() + interval '364 days'", 364 * 86_400),
    ],
)
def should_say_how_long_there_is_to_wait(orders: Database, due: str, seconds: int) -> None:
    number = order(orders, due)

    outcome = expire_if_due(number, orders.connection)

    assert outcome["status"] == "waiting"
    assert isinstance(outcome["seconds"], int)
    assert seconds - 5 <= outcome["seconds"] <= seconds
    assert outcome["seconds"] >= 1
    assert status(orders, number) == "pending"


@pytest.mark.parametrize("due", ["now() + interval '366 days'", "'294276-12-31'"])
def should_not_wait_for_longer_than_an_execution_lasts(orders: Database, due: str) -> None:
    assert expire_if_due(order(orders, due), orders.connection) == {"status": "too late"}
    assert LONGEST_SECONDS <= 99_999_999


def wait_for_a_lock(orders: Database) -> None:
    """Return when a connection of this database waits for another one's lock."""
    waiting = (
        "select exists (select from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock')"
    )
    deadline = time.monotonic() + 20
    while not orders.scalar(waiting):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def should_wait_for_who_is_paying(orders: Database) -> None:
    number = order(orders, "now()")
    outcomes: list[dict[str, Any]] = []

    def expire() -> None:
        with orders.connect() as connection:
            outcomes.append(expire_if_due(number, connection))

    with orders.connect() as paying, paying.transaction():
        paying.execute("select from public.orders where id = %s for update", (number,))
        expiring = threading.Thread(target=expire)
        expiring.start()
        wait_for_a_lock(orders)
        paying.execute("update public.orders set status = 'paid' where id = %s", (number,))
    expiring.join()

    assert outcomes == [{"status": "over"}]
    assert status(orders, number) == "paid"


@dataclass(frozen=True)
class Shop:
    """The worker as it is deployed: its state machine, and the function of its task."""

    machine: Machine
    orders: Database
    secret: Secret

    def event(self, number: int, **members: Any) -> dict[str, Any]:
        """The event of an order, as the database writes it."""
        record = self.orders.scalar(
            "select to_jsonb(o)::text from public.orders as o where id = %s", [number]
        )
        return queued(json.loads(record), type="order.due", id=f"{uuid4()}:0") | members

    def start(self, *events: dict[str, Any]) -> str:
        """Start executions; return the name of the first."""
        from start_execution import handler  # noqa: PLC0415  # Powertools reads its variables at import

        context: Any = Context()
        assert handler.handler(records(*events), context) == {"batchItemFailures": []}
        return str(events[0]["id"]).replace(":", "-")


@pytest.fixture(scope="module")
def shop(aws_endpoint: str, orders: Database) -> Iterator[Shop]:
    """On the emulator, once for all tests: it starts functions as processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment(aws_endpoint).items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        aws_clients.forget()
        secrets.forget()
        secret = Secret.create_unique({"database_url": orders.url})
        environment = {
            "POWERTOOLS_SERVICE_NAME": "expire_order",
            "POWERTOOLS_METRICS_NAMESPACE": "ExternalCompute/test",
        }
        function = deploy(
            "expire_order.handler.handler",
            FOLDER,
            {**environment, "DATABASE_SECRET_ID": secret.id, "DATABASE_TLS": "disable"},
        )
        definition = (FOLDER / "state_machine.asl.json").read_text().replace("${TaskFunction}", function)
        machine = Machine.create(definition)
        for name, value in {
            **environment,
            "WORKER": f"expire_order_{uuid4().hex}",
            "QUEUE_URL": Queue.create().url,
            "STATE_MACHINE_ARN": machine.arn,
        }.items():
            patch.setenv(name, value)
        from start_execution import handler  # noqa: PLC0415  # Powertools reads its variables at import

        handler.settings.cache_clear()
        handler.batches.cache_clear()
        yield Shop(machine, orders, secret)
        handler.settings.cache_clear()
        handler.batches.cache_clear()
        aws_clients.forget()
        secrets.forget()


def should_wait_and_then_expire(shop: Shop) -> None:
    number = order(shop.orders, "clock_timestamp() + interval '2.5 s'")
    due = shop.orders.scalar(
        "select extract(epoch from payment_due_at) from public.orders where id = %s", [number]
    )

    event = shop.event(number)
    ended = shop.machine.ended(shop.start(event))

    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {
        "event_id": event["id"],
        "order_id": number,
        "expiry": {"status": "expired"},
    }
    assert ended["stopDate"].timestamp() >= due
    assert status(shop.orders, number) == "expired"


def should_start_no_second_execution_for_a_duplicate(shop: Shop) -> None:
    before = len(shop.machine.executions())
    event = shop.event(order(shop.orders, "clock_timestamp() + interval '1 s'"))

    name = shop.start(event, event)
    shop.start(event)
    shop.machine.ended(name)
    shop.start(event)

    assert len(shop.machine.executions()) == before + 1


def should_wait_again_when_the_time_is_moved(shop: Shop) -> None:
    number = order(shop.orders, "clock_timestamp() + interval '1.5 s'")
    name = shop.start(shop.event(number))
    shop.orders.execute(
        "update public.orders set payment_due_at = payment_due_at + interval '2 s' where id = %s", [number]
    )
    moved = shop.orders.scalar(
        "select extract(epoch from payment_due_at) from public.orders where id = %s", [number]
    )

    ended = shop.machine.ended(name)

    assert json.loads(ended["output"])["expiry"] == {"status": "expired"}
    assert ended["stopDate"].timestamp() >= moved


def should_leave_an_order_alone_that_is_paid_while_it_waits(shop: Shop) -> None:
    number = order(shop.orders, "clock_timestamp() + interval '1.5 s'")
    name = shop.start(shop.event(number))
    shop.orders.execute("update public.orders set status = 'paid' where id = %s", [number])

    assert json.loads(shop.machine.ended(name)["output"])["expiry"] == {"status": "over"}
    assert status(shop.orders, number) == "paid"


def should_take_a_thin_event(shop: Shop) -> None:
    number = order(shop.orders, "now()")

    name = shop.start(shop.event(number, record={"id": number}, truncated=True))

    assert shop.machine.ended(name)["status"] == "SUCCEEDED"
    assert status(shop.orders, number) == "expired"


def should_fail_at_once_when_it_would_wait_for_more_than_a_year(shop: Shop) -> None:
    number = order(shop.orders, "now() + interval '2 years'")

    ended = shop.machine.ended(shop.start(shop.event(number)))

    assert (ended["status"], ended["error"]) == ("FAILED", "DueTooLate")


def should_try_again_when_its_task_has_failed(shop: Shop) -> None:
    number = order(shop.orders, "now()")
    shop.orders.execute("alter table public.orders rename to hidden")
    try:
        name = shop.start(queued({"id": number}, id=f"{uuid4()}:0"))
        deadline = time.monotonic() + 20
        while "does not exist" not in shop.machine.history(name):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        shop.orders.execute("alter table public.hidden rename to orders")

    assert shop.machine.ended(name)["status"] == "SUCCEEDED"
    assert status(shop.orders, number) == "expired"
