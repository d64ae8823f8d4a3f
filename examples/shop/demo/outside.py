"""What the demo shows of Cloudflare and Vercel: the same events, an outage, and the calls from there."""

from dataclasses import dataclass

from rich.console import Console

from examples.shop.demo.edge import APP, WORKER, Edge
from examples.shop.demo.shop import Shop
from examples.shop.demo.tally import Reached
from examples.shop.demo.visitor import Visitor, expect
from tools.errors import LocalError
from tools.local.system import System

CARD = "pm_card_visa"


@dataclass
class Outside:
    """The Worker and the Vercel functions, and what is shown of them."""

    console: Console
    system: System
    shop: Shop
    edge: Edge

    def stop_worker(self) -> None:
        self._title("The Cloudflare Worker goes down")
        if self.edge.worker is not None:
            self.edge.worker.stop()
        self._say("what is meant for it waits in the outbox; Lambda and Vercel notice nothing")

    def start_worker(self) -> None:
        self._title("The Cloudflare Worker is back")
        if self.edge.worker is not None:
            self.edge.worker.start()
        self._say("redeliver asks it with one message first, and then sends the rest")

    def call(self, user: str) -> None:
        """Calls what the two answer, as the user.

        Raises:
            LocalError: an answer is not what it must be.
        """
        self._title("A Worker serves users from its cache, and the user's orders over Hyperdrive")
        worker = Visitor(
            self.console, url=self.edge.worker_url, token=self.system.token(user), name="the user"
        )
        kept = [worker.call("GET", "/api/users?limit=3").headers.get("x-cache") for _ in range(2)]
        self._say(f"x-cache: {kept[0]}, then {kept[1]}")
        expect(200, worker.call("GET", "/api/orders?status=paid&limit=2"))
        self._title("A Vercel function takes a payment, and takes it once")
        [order] = self.shop.place(1, user=user).ids
        app = Visitor(self.console, url=self.edge.app_url, token=self.system.token(user), name="the user")
        body = {"order_id": order, "payment_method": CARD}
        first, again = (app.call("POST", "/api/process-payment", body) for _ in range(2))
        expect(200, first)
        if first.body != again.body:
            raise LocalError("the payment that was sent twice was not answered alike")
        expect(200, app.call("GET", "/api/users?limit=3"))

    def reached(self) -> list[Reached]:
        """Counts what each of them got, and did."""
        return [
            Reached.of(self.shop, WORKER, "cloudflare"),
            Reached.of(self.shop, APP, "vercel"),
        ]

    def _title(self, text: str) -> None:
        self.console.print(f"[bold]{text}[/]", soft_wrap=True)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}", soft_wrap=True)
