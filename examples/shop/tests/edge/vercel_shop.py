"""The demo's shop as the Vercel functions find it, and the application that Vercel serves, over HTTP."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import psycopg
import uvicorn
from standardwebhooks import Webhook
from stripe import PaymentIntent, StripeClient

from bridge import signing
from examples.shop.tests.payments.proxy import Proxy
from tests.databases import SECRET
from tests.fixtures import clone
from tools.local.directories import RunDirectory
from tools.local.pooler import Pooler
from tools.local.stripe import Stripe
from tools.local.supabase_api.keys import Keys
from vercel_app.application import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.applications import Starlette

    from tests.databases import Database
    from tests.servers import Server

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "examples" / "shop" / "vercel"
PASSWORD = "edge"
# Nobody answers there: what these tests ask is verified with the shared secret.
SUPABASE_URL = "http://127.0.0.1:1"
ADA = "aaaaaaaa-0000-4000-8000-000000000001"
BOB = "bbbbbbbb-0000-4000-8000-000000000002"
CARD = "pm_card_visa"
KILL = signal.SIGKILL
PAYMENT = "select status, amount::text, currency, payment_intent_id from public.payments where order_id = %s"


class Served:
    """The application in a thread of this process, in the server that Vercel's runtime uses."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.app: Starlette = make_app(environment)
        config = uvicorn.Config(
            self.app, lifespan="on", ws="none", access_log=False, log_config=None, log_level="warning"
        )
        self._server = uvicorn.Server(config)
        # asyncio sends without delay where it is told that it is TCP, as Vercel's runtime does.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            assert self._thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def deliver(self, message: Message) -> httpx.Response:
        return self.client.post(message.path, content=message.body, headers=message.signed())


class Prompt(Proxy):
    """Answers at once: otherwise each answer's body waits 40 ms for its head to be acknowledged."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        handler: Any = self._server.RequestHandlerClass
        handler.disable_nagle_algorithm = True


@dataclass
class Message:
    """What the database sends."""

    data: list[dict[str, Any]]
    webhook: str = "order.created"
    id: str = field(default_factory=lambda: str(uuid4()))

    @classmethod
    def of(cls, *records: Any, **event: Any) -> Self:
        """A message of order.created with an event for each record."""
        message = cls([])
        message.data = [
            {
                "id": f"{message.id}:{index}",
                "operation": "INSERT",
                "schema": "public",
                "table": "orders",
                "record": record,
                "old_record": None,
                **event,
            }
            for index, record in enumerate(records)
        ]
        return message

    @property
    def path(self) -> str:
        return f"/api/webhook/{self.webhook}"

    @property
    def body(self) -> str:
        return json.dumps(
            {
                "type": self.webhook,
                "timestamp": "2026-11-23T15:00:00.123456Z",
                "transaction": {"id": "7341", "actor": None, "role": "authenticated"},
                "data": self.data,
            }
        )

    def signed(self, *secrets: str) -> dict[str, str]:
        return signing.sign(self.body, self.id, secrets or [SECRET])

    def accepted(self, headers: Mapping[str, str], secret: str = SECRET) -> dict[str, Any]:
        """The answer to a request with these headers, once each event has taken effect."""
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        receipt = Webhook(secret).sign(self.id, at, "accepted")
        return {"accepted": len(self.data), "webhook_id": self.id, "receipt": receipt}


@dataclass
class Shop:
    """What tests do with it. `environment` is the project's."""

    server: Server
    database: Database
    keys: Keys
    pooler: Pooler
    stripe: Stripe
    proxy: Proxy
    directory: RunDirectory
    environment: dict[str, str]

    @property
    def edge_url(self) -> str:
        """The database's direct address as the role edge."""
        return edge_url(self.database)

    def order(
        self, total: str = "19.98", currency: str = "eur", *, status: str = "pending", user: str = ADA
    ) -> int:
        order: int = self.database.scalar(
            "insert into public.orders (user_id, total, currency, status) values (%s, %s, %s, %s)"
            " returning id",
            [user, total, currency, status],
        )
        return order

    def notices(self, order: int) -> int:
        count: int = self.database.scalar(
            "select count(*) from public.order_notices where order_id = %s and channel = 'vercel'", [order]
        )
        return count

    def token(self, subject: str = ADA, role: str = "authenticated", **options: Any) -> str:
        return self.keys.token(subject, role, **{"issuer": f"{SUPABASE_URL}/auth/v1"} | options)

    def pay(
        self, served: Served | httpx.Client, order: object, *, card: str = CARD, **given: Any
    ) -> httpx.Response:
        """Pay for an order, as Ada unless another `token` is given."""
        client = served.client if isinstance(served, Served) else served
        headers = {"authorization": f"Bearer {given.get('token') or self.token()}"}
        body = {"order_id": order, "payment_method": card}
        return client.post("/api/process-payment", json=body, headers=headers)

    def status(self, order: int) -> str:
        status: str = self.database.scalar("select status from public.orders where id = %s", [order])
        return status

    def payment(self, order: int) -> list[Any]:
        [row] = self.database.rows(PAYMENT, [order])
        return row

    def intents(self, order: int) -> list[PaymentIntent]:
        """The PaymentIntents that Stripe has for an order."""
        listed = self.account.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
        return [intent for intent in listed if intent.metadata and intent.metadata["order_id"] == str(order)]

    def charged(self, order: int) -> list[int]:
        """What Stripe has taken for an order, each time."""
        return [intent.amount_received for intent in self.intents(order) if intent.amount_received]

    @cached_property
    def account(self) -> StripeClient:
        return StripeClient(self.stripe.key, base_addresses={"api": self.stripe.url})

    def disconnect(self) -> None:
        """Take the database away from the functions."""
        self._as_admin("alter role edge connection limit 0")
        self.kick()

    def kick(self) -> None:
        """End the connections of the role edge."""
        self._as_admin(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            f" where usename = 'edge' and datname = '{self.database.name}'"
        )

    def reconnect(self) -> None:
        self._as_admin("alter role edge connection limit -1")

    def _as_admin(self, statement: str) -> None:
        with psycopg.connect(self.server.admin_url(), autocommit=True) as admin:
            admin.execute(statement.encode())


def edge_url(database: Database) -> str:
    parts = urlsplit(database.url)
    return urlunsplit(parts._replace(netloc=f"edge:{PASSWORD}@{parts.hostname}:{parts.port}"))


@contextmanager
def opened(server: Server, template: str) -> Iterator[Shop]:
    """A shop on a clone of the template, with the pooler before it, and Stripe."""
    keys = Keys.generate()
    with ExitStack() as stack:
        cloned = contextmanager(clone)(server, template)
        database = stack.enter_context(cloned)
        for file in (ROOT / "examples" / "shop" / "schema.sql", ROOT / "examples" / "shop" / "role.sql"):
            database.execute(file.read_bytes())
        database.execute(f"alter role edge password '{PASSWORD}'")
        directory = RunDirectory()
        stack.callback(directory.remove)
        pooler = stack.enter_context(
            Pooler(edge_url(database), run_directory=directory, log=directory.path / "pooler.log")
        )
        account = stack.enter_context(Stripe(run_directory=directory, log=directory.path / "stripe.log"))
        proxy = stack.enter_context(Prompt(account.url))
        environment = {
            "DATABASE_URL": pooler.url(),
            "DATABASE_TLS": "disable",
            "SUPABASE_URL": SUPABASE_URL,
            "SUPABASE_ANON_KEY": keys.anon_key,
            "SUPABASE_JWT_SECRET": keys.jwt_secret,
            "WEBHOOK_SIGNING_SECRET": SECRET,
            "STRIPE_SECRET_KEY": account.key,
            "STRIPE_API_BASE": proxy.url,
        }
        yield Shop(server, database, keys, pooler, account, proxy, directory, environment)
