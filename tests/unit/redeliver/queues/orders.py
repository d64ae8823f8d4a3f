"""Messages of inserted orders: how they fall due, and what of them is in a queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bridge.events import Event

if TYPE_CHECKING:
    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Queue

Redeliver = Callable[..., dict[str, Any]]

RUNG = {"Records": [{"eventSource": "aws:sqs", "messageId": "ring", "body": "{}"}]}
SCHEDULED = {"source": "aws.events"}


def insert(orders: TestDatabase, first: int, last: int) -> None:
    """One statement, whose messages are due at once: pg_net has lost them."""
    orders.execute(
        "insert into public.orders select n, 'note ' || n from generate_series(%s::int, %s) as n",
        [first, last],
    )
    orders.execute("update bridge.message set due_at = now() where state = 'pending'")


def delivered(queue: Queue) -> list[int]:
    return sorted(Event.parse(body).row["id"] for body in queue.bodies())
