"""Charging for an order, once, whatever fails meanwhile and however often it is asked for.

Each request goes through the same steps, and goes on where an earlier one stopped:

1. Postgres: the order is read as the caller, so that row-level security decides.
2. Postgres: its payment is opened; amount and currency are kept with it.
3. Stripe: the PaymentIntent is created, unconfirmed, or looked up. One that has succeeded goes to step 6,
   unless what it charged was given back.
4. Postgres: its id is committed, if the order can still be charged that amount.
5. Stripe: it is confirmed. It can succeed once, and no other is ever confirmed for the order.
6. Postgres: the payment has succeeded and the order is paid, in one transaction.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg
from aws_lambda_powertools import Logger
from stripe import PaymentIntent

from bridge.api import Caller
from bridge.database import Database
from bridge.errors import OutOfTimeError
from payments import amounts, records, refusals
from payments.errors import BusyError, ChangedError, DeclinedError, RefusedAmountError, RefusedMethodError
from payments.intents import Intents
from payments.models import Payment, PaymentStatus
from payments.records import Due, KeyReusedError, Request

# Of one statement; far below the 30 seconds after which API Gateway gives up.
TIMEOUT_MS = 5_000
# For the answer, when Postgres has taken all the time that was left.
ANSWER_MS = 500
# One for a PaymentIntent to be replaced, one to charge; the others if something changes meanwhile.
ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cashier:
    """Charges for one request.

    Attributes:
        database: where orders and payments are.
        intents: Stripe's side.
        request: what is asked for.
        caller: who asks.
        request_id: shown in pg_stat_activity.
        remaining_ms: tells the milliseconds that the function has left.
    """

    database: Database
    intents: Intents
    request: Request
    caller: Caller
    request_id: str
    remaining_ms: Callable[[], int]

    def pay(self) -> Payment:
        """Charge, or find out that it has been done.

        Returns:
            The payment: succeeded, or one that waits for the user or the bank.

        Raises:
            Problem: it can't be charged; 404, 409, 402 or 422. 503: Stripe can't be reached.
            DatabaseUnavailableError, OutOfTimeError, psycopg.Error: Postgres failed, or was too slow; the
                same request again goes on there.
        """
        try:
            for _ in range(ROUNDS):
                payment = self._step()
                if payment is not None:
                    return payment
        except BusyError:
            pass
        except DeclinedError as error:
            raise refusals.declined(error) from None
        except KeyReusedError:
            raise refusals.key_reused() from None
        except RefusedMethodError:
            raise refusals.method_refused() from None
        raise refusals.busy()

    def _step(self) -> Payment | None:
        """Do what is next; None: something has changed, look again."""
        status = self._status()
        due = self._begin()
        if due is None:
            if status in records.PAYABLE:
                return None
            raise refusals.not_payable(status)
        if due.succeeded and due.order_status == "paid":
            return _payment(due)
        if due.payment_intent_id is None:
            return self._confirm(due, self._create(due))
        intent = self.intents.retrieve(due.payment_intent_id)
        if intent.status == "succeeded":
            if self.intents.is_refunded(intent.id):
                raise refusals.refunded(due)
            return self._settle(intent)
        if intent.status == "processing":
            return _payment(due, intent)
        return self._go_on(due, intent)

    def _go_on(self, due: Due, intent: PaymentIntent) -> Payment | None:
        """Go on with a PaymentIntent that has not been charged."""
        if due.payable and due.current and _is_for(intent, due):
            if intent.status in {"requires_payment_method", "requires_confirmation"}:
                return self._confirm(due, intent)
            if intent.status == "requires_action" and due.idempotency_key == self.request.key:
                return _payment(due, intent)
        # It is made for another amount, or waits for the user to authenticate another payment method, or the
        # order has expired. Cancelled, it is never charged; Stripe doesn't cancel what has been.
        if intent.status == "canceled" or self._cancel(intent):
            self._replace(due, intent)
        return None

    def _create(self, due: Due) -> PaymentIntent:
        if not due.payable:
            raise refusals.not_payable(due.order_status)
        try:
            units = amounts.minor_units(due.amount, due.currency)
            return self.intents.create(
                order_id=due.order_id, units=units, currency=due.currency, key=f"create-{due.attempt}"
            )
        except (amounts.AmountError, RefusedAmountError):
            raise refusals.not_chargeable(due.amount, due.currency) from None

    def _confirm(self, due: Due, intent: PaymentIntent) -> Payment | None:
        with self._transaction() as db:
            claimed = records.claim(db, due, intent.id, self.request.key)
        if not claimed:
            return None
        digest = hashlib.sha256(self.request.key.encode()).hexdigest()[:32]
        try:
            intent = self.intents.confirm(intent.id, self.request.method, f"confirm-{due.attempt}-{digest}")
        except ChangedError:
            # What the user may be asked to authenticate now is another request's payment method.
            with self._transaction() as db:
                records.disclaim(db, due.order_id, intent.id, self.request.key)
            return None
        if intent.status == "succeeded":
            return self._settle(intent)
        return _payment(due, intent) if intent.status in set(PaymentStatus) else None

    def _cancel(self, intent: PaymentIntent) -> bool:
        try:
            self.intents.cancel(intent.id)
        except ChangedError:
            return False
        return True

    def _replace(self, due: Due, intent: PaymentIntent) -> None:
        with self._transaction() as db:
            records.replace(db, due.order_id, intent.id)

    def _settle(self, intent: PaymentIntent) -> Payment:
        # It is captured automatically: all of its amount, or nothing.
        amount = amounts.major_units(intent.amount, intent.currency)
        with self._transaction() as db:
            earlier, due = records.settle(
                db, self.request.order_id, intent.id, amount=amount, currency=intent.currency
            )
        if earlier.order_status == "paid" and not earlier.succeeded:
            Logger().error("an order that was paid otherwise is charged", extra={"payment_intent": intent.id})
        if due.order_status != "paid":
            Logger().error("what was charged is not the order's total", extra={"payment_intent": intent.id})
            raise refusals.total_changed(due)
        return _payment(due)

    def _status(self) -> str:
        """Return the order's status, if the caller may see the order."""
        with self._transaction(self.caller) as db:
            query = "select status from public.orders where id = %s"
            row = db.execute(query, [self.request.order_id]).fetchone()
        if row is None:
            raise refusals.no_such_order()
        status: str = row[0]
        return status

    def _begin(self) -> Due | None:
        with self._transaction() as db:
            return records.begin(db, self.request)

    def _transaction(self, caller: Caller | None = None) -> AbstractContextManager[psycopg.Connection[Any]]:
        left = self.remaining_ms() - ANSWER_MS
        if left <= 0:
            raise OutOfTimeError("too little time left for a transaction; the same request again goes on")
        timeout = min(TIMEOUT_MS, left)
        return self.database.transaction(timeout_ms=timeout, request_id=self.request_id, caller=caller)


def _is_for(intent: PaymentIntent, due: Due) -> bool:
    return (intent.amount, intent.currency) == (amounts.minor_units(due.amount, due.currency), due.currency)


def _payment(due: Due, pending: PaymentIntent | None = None) -> Payment:
    """Describe a payment that has succeeded, or one that waits."""
    status = PaymentStatus.SUCCEEDED if pending is None else PaymentStatus(pending.status)
    waits = status == PaymentStatus.REQUIRES_ACTION
    return Payment.model_validate(
        {
            "order_id": due.order_id,
            "status": status,
            "amount": due.amount,
            "currency": due.currency,
            "payment_intent_id": due.payment_intent_id if pending is None else pending.id,
            "client_secret": pending.client_secret if pending is not None and waits else None,
        }
    )
