"""The demo's database side: orders that are placed, changed and watched until a worker has processed them."""

import json
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

SCHEMA = Path(__file__).parents[1] / "schema.sql"
ITEMS = json.dumps([{"sku": "espresso", "quantity": 2, "price": 9.99}])
TOTAL = "19.98"
# The webhooks that process_order is the target of: one event a statement and row.
COUNTED = ["order.created", "order.changed"]


@dataclass(frozen=True)
class Placed:
    """Orders of one statement, and when its commit was known."""

    ids: list[int]
    committed_at: datetime


@dataclass(frozen=True)
class Times:
    """Seconds from commit to processed."""

    median: float
    percentile_95: float

    def __str__(self) -> str:
        return f"{self.median:.2f} s median, {self.percentile_95:.2f} s 95th percentile"


class Shop:
    """Talks to the database directly, as the owner's own application would."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(SCHEMA.read_bytes())
        self.expected = 0
        """Events for process_order that the statements so far must have caused."""
        self.created = 0
        """Those of order.created among them, which the targets outside AWS get too."""

    def close(self) -> None:
        self._connection.close()

    def begin(self) -> None:
        """Marks the beginning: everything is counted from here."""
        self._first_id = self._value("select bridge.new_message_id()::text")
        self._first_notice = self._value("select coalesce(max(id), 0) from public.order_notices")

    def place(self, count: int, *, user: str | None = None, due_at: datetime | None = None) -> Placed:
        """Places orders in one statement."""
        ids = self._column(
            "insert into public.orders (items, total, user_id, payment_due_at)"
            " select %s::jsonb, %s::numeric, %s::uuid, %s::timestamptz from generate_series(1, %s)"
            " returning id",
            [ITEMS, TOTAL, user, due_at, count],
        )
        return self._committed(ids, created=True)

    def place_with_mistake(self, count: int) -> tuple[Placed, int]:
        """Places orders in one statement, one of them with a total that its items don't add up to."""
        ids = self._column(
            "insert into public.orders (items, total)"
            " select %s::jsonb, %s::numeric + (n = %s)::integer from generate_series(1, %s) as n"
            " returning id",
            [ITEMS, TOTAL, count // 2, count],
        )
        mistaken = self._value(
            "select id from public.orders where id = any (%s) and total <> %s", [ids, TOTAL]
        )
        return self._committed(ids, created=True), mistaken

    def change(self, order: int, *, quantity: int) -> Placed:
        """Changes an order's items and total."""
        items = json.loads(ITEMS)
        items[0]["quantity"] = quantity
        self._connection.execute(
            "update public.orders set items = %s::jsonb, total = %s::numeric * 9.99, processed_at = null"
            " where id = %s",
            [json.dumps(items), quantity, order],
        )
        return self._committed([order])

    def wait_until_processed(self, placed: Placed, *, seconds: float) -> list[int]:
        """Waits, and returns the orders that are not processed even so."""
        deadline = time.monotonic() + seconds
        while True:
            waiting = self._column(
                "select id from public.orders where id = any (%s) and processed_at is null", [placed.ids]
            )
            if not waiting or time.monotonic() > deadline:
                return waiting
            time.sleep(0.05)

    def wait_for_status(self, order: int, status: str, *, seconds: float) -> str:
        """Waits until an order has a status; returns the one that it has in the end."""
        deadline = time.monotonic() + seconds
        while True:
            found: str = self._value("select status from public.orders where id = %s", [order])
            if found == status or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def times(self, placed: Placed) -> Times:
        """How long after the commit the orders were processed."""
        seconds = self._column(
            "select greatest(extract(epoch from processed_at - %s), 0)::double precision from public.orders"
            " where id = any (%s) and processed_at is not null",
            [placed.committed_at, placed.ids],
        )
        percentile_95 = statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
        return Times(statistics.median(seconds), percentile_95)

    def delivered(self) -> int:
        """Events for process_order in messages that are known to be delivered."""
        return int(
            self._value(
                "select coalesce(sum(jsonb_array_length(body -> 'data')), 0) from bridge.message"
                " where state = 'delivered' and target = 'process_order' and id > %s"
                " and webhook = any (%s)",
                [self._first_id, COUNTED],
            )
        )

    def processed(self, worker: str = "process_order") -> int:
        """Events whose effect is committed by a worker; outside AWS, by cloudflare or vercel."""
        return int(
            self._value(
                "select count(*) from bridge.processed_event where worker = %s and event_id > %s",
                [worker, self._first_id],
            )
        )

    def notices(self, channel: str) -> int:
        """What a platform did for these events: a row each."""
        return int(
            self._value(
                "select count(*) from public.order_notices where channel = %s and id > %s",
                [channel, self._first_notice],
            )
        )

    def attempts(self, target: str) -> int:
        """Attempts to deliver to a target that failed."""
        return int(
            self._value(
                "select coalesce(sum(attempts), 0) from bridge.message where target = %s and id > %s",
                [target, self._first_id],
            )
        )

    def dead(self) -> int:
        """Events that were given up before any queue or target."""
        return int(
            self._value(
                "select coalesce(sum(jsonb_array_length(events)), 0) from bridge.dead_letter"
                " where message_id > %s",
                [self._first_id],
            )
        )

    def message_of(self, placed: Placed) -> tuple[str, str]:
        """Id and body of the message that told of the first order."""
        row = self._connection.execute(
            "select id::text, body::text from bridge.message"
            " where webhook = 'order.created' and target = 'process_order' and id > %s"
            " and body #> '{data,0,record,id}' = to_jsonb(%s::bigint)",
            [self._first_id, placed.ids[0]],
        ).fetchone()
        if row is None:
            raise LookupError(f"no message tells of order {placed.ids[0]}")
        return row[0], row[1]

    def wait_until_delivered(self, *, seconds: float) -> int:
        """Waits until no message is pending; returns how many are even so."""
        deadline = time.monotonic() + seconds
        while True:
            pending = int(self._value("select pending from bridge.metrics()"))
            if not pending or time.monotonic() > deadline:
                return pending
            time.sleep(0.5)

    def _committed(self, ids: list[int], *, created: bool = False) -> Placed:
        self.expected += len(ids)
        self.created += len(ids) if created else 0
        return Placed(ids, self._value("select clock_timestamp()"))

    def _column(self, query: str, values: list[Any] | None = None) -> list[Any]:
        return [row[0] for row in self._connection.execute(query.encode(), values)]

    def _value(self, query: str, values: list[Any] | None = None) -> Any:
        [value] = self._column(query, values)
        return value
