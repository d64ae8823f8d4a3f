"""Charging for an order, once, whatever fails meanwhile and however often it is asked for.

Each request goes through the same steps, and goes on where an earlier one stopped:

1. Postgres: the order is read as the caller, so that row-level security decides.
2. Postgres: its payment is opened; amount and currency are kept with it.
3. Stripe: the PaymentIntent is created, unconfirmed, or looked up. One that has succeeded goes to step 6,
   unless what it charged was given back.
4. Postgres: its id is committed, if the order can still be charged that amount.
5. Stripe: it is confirmed. It can succeed once, and no other is ever confirmed for the order.
6. Postgres: the payment has succeeded and the order is paid, in one transaction.

No transaction is open while Stripe is asked: what is committed before and found after is enough.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import stripe
from stripe import PaymentIntent

from vercel_app import logs
from vercel_app.connecting import Connection
from vercel_app.database import Caller, Database
from vercel_app.deadline import Deadline
from vercel_app.payments import amounts, records, refusals
from vercel_app.payments.intents import (
    BusyError,
    ChangedError,
    DeclinedError,
    Intents,
    RefusedAmountError,
    RefusedMethodError,
)
from vercel_app.payments.records import Due

# One for a PaymentIntent to be replaced, one to charge; the others if something changes meanwhile.
ROUNDS = 4
# For recording a charge, once there is one.
RESERVED_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cashier:
    """Charges for one request.

    Attributes:
        database: where orders and payments are.
        intents: Stripe's side.
        order_id: the order.
        method: Stripe's id of the PaymentMethod.
        caller: who asks.
        deadline: by which the answer must be there.
    """

    database: Database
    intents: Intents
    order_id: int
    method: str
    caller: Caller
    deadline: Deadline

    async def pay(self) -> Due:
        """Charge, or find out that it has been done.

        Returns:
            The payment, which has succeeded, of the order, which is paid.

        Raises:
            HttpError: it can't be charged; 402, 404, 409 or 422.
            SettingsError, UnavailableError, SlowError, psycopg.Error: Stripe or Postgres failed, or was too
                slow; the same request again goes on there.
        """
        try:
            for _ in range(ROUNDS):
                paid = await self._step()
                if paid is not None:
                    return paid
        except BusyError:
            pass
        except DeclinedError as error:
            raise refusals.declined(error) from None
        except RefusedMethodError:
            raise refusals.method_refused() from None
        raise refusals.busy()

    async def _step(self) -> Due | None:
        """Do what is next; None: something has changed, look again."""
        status = await self._status()
        due = await self._begin()
        if due is None:
            if status in records.PAYABLE:
                return None
            raise refusals.not_payable(status)
        if due.succeeded and due.order_status == "paid":
            return due
        if due.payment_intent_id is None:
            return await self._confirm(due, await self._create(due))
        intent = await self.intents.retrieve(self._stripe_deadline, due.payment_intent_id)
        if intent.status == "succeeded":
            if _is_refunded(intent):
                raise refusals.refunded()
            return await self._settle(intent)
        if intent.status == "processing":
            raise refusals.processing()
        return await self._go_on(due, intent)

    async def _go_on(self, due: Due, intent: PaymentIntent) -> Due | None:
        """Go on with a PaymentIntent that has not been charged."""
        confirmable = intent.status in {"requires_payment_method", "requires_confirmation"}
        if confirmable and due.payable and due.current and _is_for(intent, due):
            return await self._confirm(due, intent)
        # It is made for another amount, or waits for the user to authenticate what the Lambda function began,
        # or the order has expired. Cancelled, it is never charged; Stripe doesn't cancel what has been.
        if intent.status == "canceled" or await self._cancel(intent):
            async with self._transaction() as db:
                await records.replace(db, due.order_id, intent.id)
        return None

    async def _create(self, due: Due) -> PaymentIntent:
        if not due.payable:
            raise refusals.not_payable(due.order_status)
        try:
            units = amounts.minor_units(due.amount, due.currency)
            return await self.intents.create(
                self._stripe_deadline,
                order_id=due.order_id,
                units=units,
                currency=due.currency,
                key=f"create-{due.attempt}",
            )
        except (amounts.AmountError, RefusedAmountError):
            raise refusals.not_chargeable(due) from None

    async def _confirm(self, due: Due, intent: PaymentIntent) -> Due | None:
        async with self._transaction() as db:
            claimed = await records.claim(db, due, intent.id)
        if not claimed:
            return None
        try:
            intent = await self.intents.confirm(self._stripe_deadline, intent.id, self.method)
        except ChangedError:
            return None
        if intent.status == "processing":
            raise refusals.processing()
        return await self._settle(intent)

    async def _cancel(self, intent: PaymentIntent) -> bool:
        try:
            await self.intents.cancel(self._stripe_deadline, intent.id)
        except ChangedError:
            return False
        return True

    async def _settle(self, intent: PaymentIntent) -> Due:
        # It is captured automatically: all of its amount, or nothing.
        amount = amounts.major_units(intent.amount, intent.currency)
        async with self._transaction() as db:
            earlier, due = await records.settle(
                db, self.order_id, intent.id, amount=amount, currency=intent.currency
            )
        if earlier.order_status == "paid" and not earlier.succeeded:
            logs.error("an order that was paid otherwise is charged", payment_intent=intent.id)
        if due.order_status != "paid":
            logs.error("what was charged is not the order's total", payment_intent=intent.id)
            raise refusals.total_changed()
        return due

    async def _status(self) -> str:
        """Return the order's status, if the caller may see the order."""
        async with self._transaction(self.caller) as db:
            cursor = await db.execute("select status from public.orders where id = %s", [self.order_id])
            row = await cursor.fetchone()
        if row is None:
            raise refusals.no_such_order()
        status: str = row[0]
        return status

    async def _begin(self) -> Due | None:
        async with self._transaction() as db:
            return await records.begin(db, self.order_id)

    def _transaction(self, caller: Caller | None = None) -> AbstractAsyncContextManager[Connection]:
        return self.database.transaction(self.deadline, caller=caller)

    @property
    def _stripe_deadline(self) -> Deadline:
        return self.deadline.earlier(RESERVED_SECONDS)


def _is_for(intent: PaymentIntent, due: Due) -> bool:
    return (intent.amount, intent.currency) == (amounts.minor_units(due.amount, due.currency), due.currency)


def _is_refunded(intent: PaymentIntent) -> bool:
    charge = intent.latest_charge
    if not isinstance(charge, stripe.Charge):
        raise TypeError(f"{intent.id} has not been charged")
    return charge.refunded
