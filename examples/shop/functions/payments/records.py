"""What Postgres keeps of a payment. Each function here runs in a transaction of the function's own role.

Of an order, at most one PaymentIntent can ever be charged: only one whose id `claim` has committed is
confirmed, and that id gives way to another only after Stripe has cancelled its PaymentIntent.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

PAYABLE = ("pending", "processed")
_OPEN = """
insert into public.payments as p (order_id, amount, currency)
select id, total, lower(currency) from public.orders where id = %(order)s and status = any(%(payable)s)
on conflict (order_id) do update
set amount = excluded.amount, currency = excluded.currency, attempt = gen_random_uuid(), updated_at = now()
where p.payment_intent_id is null and (p.amount, p.currency) <> (excluded.amount, excluded.currency)
"""
_DUE = """
select p.order_id, p.attempt, p.payment_intent_id, p.idempotency_key, p.amount, p.currency,
       p.status = 'succeeded' as succeeded, o.status as order_status,
       (p.amount, p.currency) = (o.total, lower(o.currency)) as current
from public.payments as p join public.orders as o on o.id = p.order_id
where p.order_id = %(order)s
"""
_REMEMBER = """
insert into public.payment_requests (subject, idempotency_key, order_id, payment_method)
values (%(subject)s, %(key)s, %(order)s, %(method)s) on conflict do nothing
"""
_REMEMBERED = """
select (order_id, payment_method) = (%(order)s, %(method)s)
from public.payment_requests where subject = %(subject)s and idempotency_key = %(key)s
"""
_CLAIM = """
update public.payments as p
set payment_intent_id = %(intent)s, idempotency_key = %(key)s, updated_at = now()
from public.orders as o
where p.order_id = %(order)s and p.attempt = %(attempt)s and p.status = 'pending'
  and coalesce(p.payment_intent_id, %(intent)s) = %(intent)s
  and o.id = p.order_id and o.status = any(%(payable)s)
  and (p.amount, p.currency) = (o.total, lower(o.currency))
"""
_DISCLAIM = """
update public.payments set idempotency_key = null, updated_at = now()
where order_id = %(order)s and payment_intent_id = %(intent)s and idempotency_key = %(key)s
"""
_REPLACE = """
update public.payments
set payment_intent_id = null, idempotency_key = null, attempt = gen_random_uuid(), updated_at = now()
where order_id = %(order)s and payment_intent_id = %(intent)s and status = 'pending'
"""
_CHARGED = """
update public.payments
set status = 'succeeded', amount = %(amount)s, currency = %(currency)s, updated_at = now()
where order_id = %(order)s and payment_intent_id = %(intent)s
"""
_PAID = """
update public.orders set status = 'paid'
where id = %(order)s and status <> 'paid' and (total, lower(currency)) = (%(amount)s, %(currency)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks for.

    Attributes:
        order_id: the order, which the user may see.
        method: Stripe's id of the PaymentMethod.
        key: the header Idempotency-Key.
        subject: the user's id.
    """

    order_id: int
    method: str
    key: str
    subject: str

    def values(self) -> dict[str, Any]:
        return {
            "order": self.order_id,
            "method": self.method,
            "key": self.key,
            "subject": self.subject,
            "payable": list(PAYABLE),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A payment and its order, as they are stored.

    Attributes:
        order_id: the order.
        attempt: names the making of its PaymentIntent.
        payment_intent_id: the PaymentIntent that may be confirmed; None: there is none yet.
        idempotency_key: of the request that confirmed last.
        amount: what the PaymentIntent is made for.
        currency: of the amount, in lower case.
        succeeded: it has been charged.
        order_status: the order's.
        current: whether amount and currency are still the order's.
    """

    order_id: int
    attempt: UUID
    payment_intent_id: str | None
    idempotency_key: str | None
    amount: Decimal
    currency: str
    succeeded: bool
    order_status: str
    current: bool

    @property
    def payable(self) -> bool:
        """Whether the order may be charged."""
        return self.order_status in PAYABLE


class KeyReusedError(Exception):
    """The Idempotency-Key was first used for another request."""


def begin(db: psycopg.Connection[Any], request: Request) -> Due | None:
    """Open the payment of an order, or find the one that is there.

    Returns:
        None for an order that has no payment and can get none.

    Raises:
        KeyReusedError: the key belongs to another order or payment method.
    """
    values = request.values()
    _lock_order(db, request.order_id)
    db.execute(_OPEN, values)
    due = _due(db, request.order_id)
    if due is None:
        return None
    db.execute(_REMEMBER, values)
    [[same]] = db.execute(_REMEMBERED, values).fetchall()
    if not same:
        raise KeyReusedError
    return due


def claim(db: psycopg.Connection[Any], due: Due, intent_id: str, key: str) -> bool:
    """Commit to a PaymentIntent just before it is confirmed.

    Returns:
        False if something has changed since `begin`: then it must not be confirmed.
    """
    _lock_order(db, due.order_id)
    values = {
        "order": due.order_id,
        "attempt": due.attempt,
        "intent": intent_id,
        "key": key,
        "payable": list(PAYABLE),
    }
    return db.execute(_CLAIM, values).rowcount == 1


def disclaim(db: psycopg.Connection[Any], order_id: int, intent_id: str, key: str) -> None:
    """Take a claim back whose request could not confirm: another one was first."""
    _lock_order(db, order_id)
    db.execute(_DISCLAIM, {"order": order_id, "intent": intent_id, "key": key})


def replace(db: psycopg.Connection[Any], order_id: int, intent_id: str) -> None:
    """Give up a PaymentIntent that Stripe has cancelled; the next `begin` opens another attempt."""
    _lock_order(db, order_id)
    db.execute(_REPLACE, {"order": order_id, "intent": intent_id})


def settle(
    db: psycopg.Connection[Any], order_id: int, intent_id: str, *, amount: Decimal, currency: str
) -> tuple[Due, Due]:
    """Record what was charged, and mark the order paid if that is its total.

    An order that has expired since is paid too: its money has been taken.

    Args:
        db: a transaction of the function's own role.
        order_id: the order.
        intent_id: its PaymentIntent, which has succeeded.
        amount: what was charged.
        currency: of the amount, in lower case.

    Returns:
        The payment and its order as they were, and as they are now.
    """
    _lock_order(db, order_id)
    earlier = _due(db, order_id)
    values = {"order": order_id, "intent": intent_id, "amount": amount, "currency": currency}
    if db.execute(_CHARGED, values).rowcount != 1:
        raise RuntimeError(f"{intent_id} is not the PaymentIntent of its order")
    db.execute(_PAID, values)
    settled = _due(db, order_id)
    if earlier is None or settled is None:
        raise RuntimeError("a payment has vanished while its order was locked")
    return earlier, settled


def _lock_order(db: psycopg.Connection[Any], order_id: int) -> None:
    # Always first, so that payments and workers lock in the same order.
    db.execute("select from public.orders where id = %s for no key update", [order_id])


def _due(db: psycopg.Connection[Any], order_id: int) -> Due | None:
    with db.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(_DUE, {"order": order_id}).fetchone()
