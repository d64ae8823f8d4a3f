"""What a user is told who can't pay."""

from http import HTTPStatus

from vercel_app.errors import HttpError
from vercel_app.payments.intents import DeclinedError
from vercel_app.payments.records import Due

_BUSY_SECONDS = 1
_BANK_SECONDS = 60
# Stripe asks that these be shown as any other: https://docs.stripe.com/declines/codes
_NOT_TOLD = frozenset(("fraudulent", "lost_card", "merchant_blacklist", "stolen_card"))
_STATUSES = {
    "expired": "the order has expired",
    "paid": "the order is paid already, by other means than this",
}


def no_such_order() -> HttpError:
    return HttpError(HTTPStatus.NOT_FOUND, "there is no such order among yours")


def not_payable(status: str) -> HttpError:
    return HttpError(
        HTTPStatus.CONFLICT,
        _STATUSES.get(status, f'the order can\'t be paid: it is "{status}"'),
        members={"order_status": status},
    )


def not_chargeable(due: Due) -> HttpError:
    return HttpError(
        HTTPStatus.CONFLICT,
        "the order's total can't be charged: it is too little or too much, has digits that its currency"
        " lacks, or the currency isn't charged",
        members={"amount": str(due.amount), "currency": due.currency},
    )


def total_changed() -> HttpError:
    return HttpError(
        HTTPStatus.CONFLICT,
        "the order's total changed while it was charged; what was charged is not lost, and is not charged"
        " again: the shop has to settle the difference",
    )


def refunded() -> HttpError:
    return HttpError(
        HTTPStatus.CONFLICT, "what was charged for this order was given back: it is not charged again"
    )


def busy() -> HttpError:
    return _later("another request pays or changes this order right now: send it again", _BUSY_SECONDS)


def processing() -> HttpError:
    return _later("the bank takes its time: send the request again to see what became of it", _BANK_SECONDS)


def declined(error: DeclinedError) -> HttpError:
    if error.decline_code in _NOT_TOLD:
        return _declined("card_declined", "generic_decline", "Your card was declined.")
    return _declined(error.code, error.decline_code, error.message)


def method_refused() -> HttpError:
    return HttpError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the payment method can't be used: Stripe doesn't know it, it has been used before, or it doesn't fit"
        " the order's currency",
    )


def _later(message: str, seconds: int) -> HttpError:
    return HttpError(HTTPStatus.CONFLICT, message, headers={"retry-after": str(seconds)})


def _declined(code: str, decline_code: str, message: str) -> HttpError:
    members = {"code": code} | ({"decline_code": decline_code} if decline_code else {})
    return HttpError(HTTPStatus.PAYMENT_REQUIRED, message, members=members)
