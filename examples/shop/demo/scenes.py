"""What the demo shows, scene by scene. Each says what it does as it does it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console

from examples.shop.demo.cloud import STALE, Cloud
from examples.shop.demo.shop import Placed, Shop
from tools.errors import LocalError
from tools.local.pg_net import PgNet

WAIT_SECONDS = 120.0
WRONG_SECRET = "ZGVtbyBmb3JnZXJ5IGRlbW8gZm9yZ2VyeSBkZW1vIGZvcmdlcnkg"  # noqa: S105 - the forger's own


@dataclass
class Scenes:
    """The scenes and what they share."""

    console: Console
    shop: Shop
    cloud: Cloud
    pg_net: PgNet
    stage: str

    def one_order(self) -> Placed:
        self._title("One order inserted")
        placed = self.shop.place(1)
        self._await(placed)
        return placed

    def many_orders(self, count: int) -> None:
        self._title(f"{count:,} orders inserted in one statement")
        self._await(self.shop.place(count))

    def changed_order(self, order: int) -> None:
        self._title("An order's items changed")
        self._await(self.shop.change(order, quantity=5))

    def refused_requests(self, placed: Placed) -> None:
        self._title("A forged and a stale request")
        message_id, body = self.shop.message_of(placed)
        secret = self.cloud.signing_secret(self.stage)
        forged = self.cloud.post("order.created", message_id, body, secret=WRONG_SECRET)
        stale = self.cloud.post(
            "order.created", message_id, body, secret=secret, at=datetime.now(tz=UTC) - STALE
        )
        self._say(f"signed with another secret: HTTP {forged}; signed ten minutes ago: HTTP {stale}")
        if (forged, stale) != (401, 401):
            raise LocalError("a request that must be refused with 401 was not")

    def duplicate(self, placed: Placed) -> None:
        self._title("A message that is delivered a second time")
        message_id, body = self.shop.message_of(placed)
        status = self.cloud.post(
            "order.created", message_id, body, secret=self.cloud.signing_secret(self.stage)
        )
        self._say(f"HTTP {status}; the worker knows its event id and drops it")

    def poison(self, count: int) -> int:
        self._title(f"{count} orders in one statement, one of which the worker can't process")
        placed, mistaken = self.shop.place_with_mistake(count)
        good = Placed([order for order in placed.ids if order != mistaken], placed.committed_at)
        self._await(good)
        self._say(f"order {mistaken} doesn't add up: it is tried again by itself, and then set aside")
        return mistaken

    def without_pg_net(self, count: int) -> None:
        self._title(f"{count} orders while pg_net is stopped")
        try:
            self.pg_net.stop()
        except LocalError as error:
            self._say(str(error))
            return
        try:
            placed = self.shop.place(count)
            self._say("committed, and in the outbox: redelivery finds them, at once or within a minute")
            self._await(placed)
        finally:
            self.pg_net.start()

    def dead_letter(self, order: int, earlier: set[str]) -> None:
        self._title("The dead-letter queue")
        with self.console.status("waiting for the last attempt"):
            letters = self.cloud.wait_for_dead_letters(earlier, seconds=WAIT_SECONDS)
        orders = sorted(letter["record"]["id"] for letter in letters)
        self._say(f"holds the events of orders {orders}" if orders else "is empty")
        if orders != [order]:
            raise LocalError(
                f"the dead-letter queue holds the events of orders {orders}, not of {order} alone"
            )

    def settled(self) -> None:
        self._title("What pg_net answered, settled by redeliver")
        with self.console.status("waiting for redeliver, which comes by every minute"):
            pending = self.shop.wait_until_delivered(seconds=WAIT_SECONDS)
        self._say(f"{pending:,} messages are left in the outbox")

    def _await(self, placed: Placed) -> None:
        with self.console.status(f"waiting for {len(placed.ids):,} to be processed"):
            waiting = self.shop.wait_until_processed(placed, seconds=WAIT_SECONDS)
        done = len(placed.ids) - len(waiting)
        times = f"; from commit to processed {self.shop.times(placed)}" if done else ""
        self._say(f"{done:,} of {len(placed.ids):,} processed{times}")

    def _title(self, text: str) -> None:
        self.console.print(f"[bold]{text}[/]", soft_wrap=True)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}", soft_wrap=True)
