"""What a user is told who can't pay."""

from decimal import Decimal
from typing import Any

from bridge.api import Problem
from payments.errors import DeclinedError
from payments.records import Due

BUSY_SECONDS = 1
# Stripe asks that these be shown as any other: https://docs.stripe.com/declines/codes
_NOT_TOLD = frozenset(("fraudulent", "lost_card", "merchant_blacklist", "stolen_card"))
_STATUSES = {
    "expired": "The order has expired.",
    "paid": "The order is paid already, by other means than this.",
}


def no_such_order() -> Problem:
    return Problem(404, "No such order", detail="There is no such order among yours.")


def not_payable(status: str) -> Problem:
    return Problem(
        409,
        "The order can't be paid",
        detail=_STATUSES.get(status, f'The order is "{status}".'),
        order_status=status,
    )


def not_chargeable(amount: Decimal, currency: str) -> Problem:
    return Problem(
        409,
        "The order's total can't be charged",
        detail="It is too little or too much, has digits that its currency lacks, or the currency isn't"
        " charged.",
        amount=str(amount),
        currency=currency,
    )


def total_changed(due: Due) -> Problem:
    return Problem(
        409,
        "The order's total has changed",
        detail="It changed while it was charged. What was charged is not lost, and is not charged again: the"
        " shop has to settle the difference.",
        amount=str(due.amount),
        currency=due.currency,
        payment_intent_id=due.payment_intent_id,
    )


def refunded(due: Due) -> Problem:
    return Problem(
        409,
        "The payment was refunded",
        detail="What was charged for this order was given back: it is not charged again. The shop can delete"
        " the payment, so that the order can be paid anew.",
        payment_intent_id=due.payment_intent_id,
    )


def busy() -> Problem:
    return Problem(
        409,
        "The order is being paid",
        detail="Another request pays or changes this order right now. Send the same request again.",
        headers={"Retry-After": str(BUSY_SECONDS)},
    )


def declined(error: DeclinedError) -> Problem:
    if error.decline_code in _NOT_TOLD:
        return _declined("card_declined", "generic_decline", "Your card was declined.")
    return _declined(error.code, error.decline_code, error.message)


def key_reused() -> Problem:
    return Problem(
        422,
        "The Idempotency-Key belongs to another request",
        detail="It was first used for another order or payment method. Take a new key for each new request.",
    )


def method_refused() -> Problem:
    return Problem(
        422,
        "The payment method can't be used",
        detail="Stripe doesn't know it, it has been used before, or it doesn't fit the order's currency.",
        errors=[{"in": "body", "pointer": "/payment_method", "message": "can't be used"}],
    )


def _declined(code: str, decline_code: str, message: str) -> Problem:
    extension: dict[str, Any] = {"code": code} | ({"decline_code": decline_code} if decline_code else {})
    return Problem(402, "The payment was declined", detail=message, **extension)
