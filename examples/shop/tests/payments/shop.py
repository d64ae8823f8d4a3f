"""A shop with orders in Postgres and an account at Stripe, and instances of the function that charges."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
import stripe
from psycopg import sql

from tests.unit.requests import SUBJECT, Answer, authorizer, request, send

if TYPE_CHECKING:
    from bridge.api import Handler
    from examples.shop.tests.payments.proxy import Proxy
    from tests.databases import Database
    from tests.servers import Server
    from tests.unit.aws import Secret
    from tools.local.stripe import Stripe

ROOT = Path(__file__).parents[4]
SCHEMA = (ROOT / "examples" / "shop" / "schema.sql").read_bytes()
HANDLER = ROOT / "examples" / "shop" / "functions" / "payments" / "handler.py"
CARD = "pm_card_visa"
AUTHENTICATED = "pm_card_authenticationRequired"
STRANGER = "00000000-0000-4000-8000-000000000002"
PAYMENT = "select status, amount::text, currency, payment_intent_id from public.payments where order_id = %s"


class Instance:
    """An instance of the function, with a connection to Postgres and one to Stripe of its own."""

    def __init__(self) -> None:
        spec = importlib.util.spec_from_file_location(f"payments_{uuid4().hex}", HANDLER)
        assert spec is not None
        assert spec.loader is not None
        self._module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._module)

    @property
    def handler(self) -> Handler:
        handler: Handler = self._module.handler
        return handler

    def close(self) -> None:
        self._module.database.close()


def pay(  # noqa: PLR0913  # what a request consists of
    instance: Instance,
    order: object,
    *,
    card: str = CARD,
    key: str | None = None,
    user: str = SUBJECT,
    body: Any = None,
    headers: dict[str, str] | None = None,
    remaining_ms: int = 25_000,
) -> Answer:
    """Send a request to an instance; with another key each time, if none is given."""
    event = request(
        "POST",
        f"/orders/{order}/payment",
        body={"payment_method": card} if body is None else body,
        headers={"Idempotency-Key": key or str(uuid4())} if headers is None else headers,
        caller=authorizer(subject=user),
        path_parameters={"id": str(order)},
        route="POST /orders/{id}/payment",
    )
    return send(instance.handler, event, remaining_ms=remaining_ms)


@dataclass
class Shop:
    """What tests do with it."""

    server: Server
    database: Database
    account: Stripe
    secret: Secret
    proxy: Proxy
    instances: list[Instance]
    charged_before: int = 0

    def open(self) -> None:
        self.database.execute(SCHEMA)
        self.charged_before = len(self._charges())

    def instance(self) -> Instance:
        self.instances.append(Instance())
        return self.instances[-1]

    def order(
        self, total: str = "19.98", currency: str = "eur", *, status: str = "pending", user: str = SUBJECT
    ) -> int:
        order: int = self.database.scalar(
            "insert into public.orders (user_id, total, currency, status) values (%s, %s, %s, %s)"
            " returning id",
            [user, total, currency, status],
        )
        return order

    def pay(self, order: int, *, instance: Instance | None = None, **given: Any) -> Answer:
        return pay(instance or self.instances[0], order, **given)

    def status(self, order: int) -> str:
        status: str = self.database.scalar("select status from public.orders where id = %s", [order])
        return status

    def payment(self, order: int) -> list[Any]:
        [row] = self.database.rows(PAYMENT, [order])
        return row

    def set(self, order: int, **values: str) -> None:
        """Change columns of an order, as a worker or the shop itself would."""
        for name, value in values.items():
            self.database.execute(
                sql.SQL("update public.orders set {} = %s where id = %s").format(sql.Identifier(name)),
                [value, order],
            )

    def charges(self) -> int:
        """How often Stripe has taken money since the shop opened."""
        return len(self._charges()) - self.charged_before

    def client(self) -> stripe.StripeClient:
        return stripe.StripeClient(self.account.key, base_addresses={"api": self.account.url})

    def intent(self, order: int) -> stripe.PaymentIntent:
        return self.client().v1.payment_intents.retrieve(self.payment(order)[3])

    def refused_bank_account(self) -> str:
        """A payment method that is processed for three seconds, and then refused."""
        method = self.client().v1.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": "DE62370400440532013001"},
                "billing_details": {"name": "Ada", "email": "ada@example.com"},
            }
        )
        return str(method.id)

    def authenticate(self, client_secret: str, *, success: bool = True) -> None:
        """Do what the user's browser does for 3-D Secure."""
        intent = client_secret.partition("_secret_")[0]
        httpx.post(
            f"{self.account.url}/v1/payment_intents/{intent}/_authenticate",
            data={"client_secret": client_secret, "success": json.dumps(success)},
            headers={"Authorization": f"Bearer {self.account.key}"},
            trust_env=False,
        )

    def disconnect(self) -> None:
        """Take the database away from the function."""
        self._limit_connections(0)
        self._as_admin(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            f" where datname = '{self.database.name}' and application_name like 'payments%'"
        )

    def reconnect(self) -> None:
        self._limit_connections(-1)

    def _limit_connections(self, limit: int) -> None:
        self._as_admin(f'alter database "{self.database.name}" connection limit {limit}')

    def _as_admin(self, statement: str) -> None:
        with psycopg.connect(self.server.admin_url(), autocommit=True) as admin:
            admin.execute(statement.encode())

    def _charges(self) -> list[str]:
        charges = self.client().v1.charges.list({"limit": 100}).auto_paging_iter()
        return [charge.id for charge in charges if charge.status == "succeeded"]
