"""What the demo shows of the functions that reach back, each called once, and of the workers that follow."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
from rich.console import Console

from examples.shop.demo.shop import Shop
from examples.shop.demo.visitor import Visitor, expect
from tools.errors import LocalError
from tools.local.system import System

WAIT_SECONDS = 90.0
PAYMENT_PERIOD = timedelta(seconds=5)
CARD = "pm_card_visa"


@dataclass
class Calls:
    """The calls and what they share."""

    console: Console
    system: System
    shop: Shop
    url: str

    def show(self) -> str:
        """Shows all of it.

        Returns:
            The id of the user who called.

        Raises:
            LocalError: an answer is not what it must be.
        """
        self._title("Is it up?")
        expect(200, self._visitor("anyone").call("GET", "/health"))
        user = self._new_user()
        ada = self._visitor("the user", user)
        self._title("A user reads over REST, as herself: row-level security decides")
        expect(200, ada.call("GET", "/users?limit=10"))
        order = self._receipt(user)
        self._title("Orders straight over pooled Postgres, as the same user")
        expect(200, ada.call("GET", "/orders?status=processed&limit=5"))
        self._payment(ada, order)
        self._refused(order)
        self._expiry(user)
        return user

    def _new_user(self) -> str:
        self._title("A server creates a user over REST with the service role")
        server = self._visitor("a server", role="service_role")
        answer = server.call("POST", "/users", {"email": f"ada-{uuid4().hex[:8]}@example.com", "name": "Ada"})
        expect(201, answer)
        user: str = answer.body["id"]
        return user

    def _receipt(self, user: str) -> int:
        self._title("The user orders; a Node.js worker renders the receipt as PDF into Storage")
        [order] = self.shop.place(1, user=user).ids
        path = f"receipts/{user}/{order}.pdf"
        pdf = self._stored(path)
        if not pdf.startswith(b"%PDF-"):
            raise LocalError(f"{path} is no PDF")
        self._say(f"{path}: {len(pdf):,} bytes")
        return order

    def _payment(self, ada: Visitor, order: int) -> None:
        self._title("The user pays through Stripe, and once more by mistake")
        key = str(uuid4())
        first = ada.call("POST", f"/orders/{order}/payment", {"payment_method": CARD}, idempotency_key=key)
        again = ada.call("POST", f"/orders/{order}/payment", {"payment_method": CARD}, idempotency_key=key)
        if not (first.status in {200, 201} and first.body == again.body):
            raise LocalError("the payment that was sent twice was not answered alike")

    def _refused(self, order: int) -> None:
        self._title("Nobody, and somebody else")
        expect(401, self._visitor("nobody").call("GET", "/orders"))
        stranger = self._visitor("a stranger", str(uuid4()))
        body = {"payment_method": CARD}
        expect(404, stranger.call("POST", f"/orders/{order}/payment", body, idempotency_key=str(uuid4())))

    def _expiry(self, user: str) -> None:
        self._title("An order that isn't paid in time: Step Functions waits, then expires it")
        due_at = datetime.now(tz=UTC) + PAYMENT_PERIOD
        [order] = self.shop.place(1, user=user, due_at=due_at).ids
        with self.console.status(f"waiting for {due_at:%H:%M:%S} UTC"):
            status = self.shop.wait_for_status(order, "expired", seconds=WAIT_SECONDS)
        self._say(f"order {order}, due at {due_at:%H:%M:%S} UTC, is {status}")
        if status != "expired":
            raise LocalError(f"order {order} did not expire")

    def _stored(self, path: str) -> bytes:
        """What Storage holds, waited for."""
        deadline = time.monotonic() + WAIT_SECONDS
        key = self.system.service_role_key
        with self.console.status("waiting for the receipt"):
            while True:
                try:
                    response = httpx.get(
                        f"{self.system.supabase_url}/storage/v1/object/{path}",
                        headers={"apikey": key, "authorization": f"Bearer {key}"},
                        trust_env=False,
                    )
                except httpx.HTTPError as error:
                    raise LocalError(f"no answer from Storage: {type(error).__name__}") from error
                if response.is_success:
                    return response.content
                if time.monotonic() > deadline:
                    raise LocalError(f"Storage has no {path}: HTTP {response.status_code}")
                time.sleep(0.5)

    def _visitor(self, name: str, subject: str = "", *, role: str = "authenticated") -> Visitor:
        known = bool(subject) or role != "authenticated"
        token = self.system.token(subject, role=role) if known else ""
        return Visitor(self.console, url=self.url, token=token, name=name)

    def _title(self, text: str) -> None:
        self.console.print(f"[bold]{text}[/]", soft_wrap=True)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}", soft_wrap=True)
