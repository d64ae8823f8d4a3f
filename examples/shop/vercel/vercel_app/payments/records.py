"""What Postgres keeps of a payment. Each function here runs in a transaction of the role edge.

Of an order, at most one PaymentIntent can ever be charged: only one whose id `claim` has committed is
confirmed, and that id gives way to another only after Stripe has cancelled its PaymentIntent. The Lambda
function `functions/payments` of the shop keeps to the same rules on the same table, so that both may be used
for one order, at the same time too.
"""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from psycopg.rows import class_row

from vercel_app.connecting import Connection

PAYABLE = ("pending", "processed")
_OPEN = """
insert into public.payments as p (order_id, amount, currency)
select id, total, lower(currency) from public.orders where id = %(order)s and status = any(%(payable)s)
on conflict (order_id) do update
set amount = excluded.amount, currency = excluded.currency, attempt = gen_random_uuid(), updated_at = now()
where p.payment_intent_id is null and (p.amount, p.currency) <> (excluded.amount, excluded.currency)
"""
_DUE = """
select p.order_id, p.attempt, p.payment_intent_id, p.amount, p.currency,
       p.status = 'succeeded' as succeeded, o.status as order_status,
       (p.amount, p.currency) = (o.total, lower(o.currency)) as current
from public.payments as p join public.orders as o on o.id = p.order_id
where p.order_id = %(order)s
"""
# Without a key: a request of the Lambda function knows by its own that it may go on with what it began.
_CLAIM = """
update public.payments as p
set payment_intent_id = %(intent)s, idempotency_key = null, updated_at = now()
from public.orders as o
where p.order_id = %(order)s and p.attempt = %(attempt)s and p.status = 'pending'
  and coalesce(p.payment_intent_id, %(intent)s) = %(intent)s
  and o.id = p.order_id and o.status = any(%(payable)s)
  and (p.amount, p.currency) = (o.total, lower(o.currency))
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
class Due:
    """A payment and its order, as they are stored.

    Attributes:
        order_id: the order.
        attempt: names the making of its PaymentIntent.
        payment_intent_id: the PaymentIntent that may be confirmed; None: there is none yet.
        amount: what the PaymentIntent is made for; once succeeded, what was charged.
        currency: of the amount, in lower case.
        succeeded: it has been charged.
        order_status: the order's.
        current: whether amount and currency are still the order's.
    """

    order_id: int
    attempt: UUID
    payment_intent_id: str | None
    amount: Decimal
    currency: str
    succeeded: bool
    order_status: str
    current: bool

    @property
    def payable(self) -> bool:
        """Whether the order may be charged."""
        return self.order_status in PAYABLE


async def begin(db: Connection, order_id: int) -> Due | None:
    """Open the payment of an order, or find the one that is there.

    Returns:
        None for an order that has no payment and can get none.
    """
    await _lock_order(db, order_id)
    await db.execute(_OPEN, {"order": order_id, "payable": list(PAYABLE)})
    return await _due(db, order_id)


async def claim(db: Connection, due: Due, intent_id: str) -> bool:
    """Commit to a PaymentIntent just before it is confirmed.

    Returns:
        False if something has changed since `begin`: then it must not be confirmed.
    """
    await _lock_order(db, due.order_id)
    values = {"order": due.order_id, "attempt": due.attempt, "intent": intent_id, "payable": list(PAYABLE)}
    claimed = await db.execute(_CLAIM, values)
    return claimed.rowcount == 1


async def replace(db: Connection, order_id: int, intent_id: str) -> None:
    """Give up a PaymentIntent that Stripe has cancelled; the next `begin` opens another attempt."""
    await _lock_order(db, order_id)
    await db.execute(_REPLACE, {"order": order_id, "intent": intent_id})


async def settle(
    db: Connection, order_id: int, intent_id: str, *, amount: Decimal, currency: str
) -> tuple[Due, Due]:
    """Record what was charged, and mark the order paid if that is its total.

    An order that has expired since is paid too: its money has been taken.

    Args:
        db: a transaction of the role edge.
        order_id: the order.
        intent_id: its PaymentIntent, which has succeeded.
        amount: what was charged.
        currency: of the amount, in lower case.

    Returns:
        The payment and its order as they were, and as they are now.
    """
    await _lock_order(db, order_id)
    earlier = await _due(db, order_id)
    values = {"order": order_id, "intent": intent_id, "amount": amount, "currency": currency}
    charged = await db.execute(_CHARGED, values)
    if charged.rowcount != 1:
        raise RuntimeError(f"{intent_id} is not the PaymentIntent of its order")
    await db.execute(_PAID, values)
    settled = await _due(db, order_id)
    if earlier is None or settled is None:
        raise RuntimeError("a payment has vanished while its order was locked")
    return earlier, settled


async def _lock_order(db: Connection, order_id: int) -> None:
    # Always first, so that payments and workers lock in the same order.
    await db.execute("select from public.orders where id = %s for no key update", [order_id])


async def _due(db: Connection, order_id: int) -> Due | None:
    async with db.cursor(row_factory=class_row(Due)) as cursor:
        await cursor.execute(_DUE, {"order": order_id})
        return await cursor.fetchone()
