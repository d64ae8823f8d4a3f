"""What Stripe refuses, and what that means here: the errors that `payments.intents` raises.

https://docs.stripe.com/api/errors
"""

from typing import Any, NoReturn

import stripe
from aws_lambda_powertools import Logger

from bridge.problems import unavailable

_CONFLICT = 409
_SERVER_ERROR = 500
_UNREACHABLE = (
    "Stripe can't be reached now, or did not answer in time. Send the same request again: it goes on where"
    " this one stopped, and never charges twice."
)


class DeclinedError(Exception):
    """The bank or Stripe refused to charge.

    Attributes:
        code: Stripe's, such as "card_declined".
        decline_code: the bank's reason, such as "insufficient_funds"; "" when there is none.
        message: for the user to read.
    """

    def __init__(self, code: str, decline_code: str, message: str) -> None:
        self.code = code
        self.decline_code = decline_code
        self.message = message
        super().__init__(code)


class BusyError(Exception):
    """Another request changes the same PaymentIntent right now."""


class ChangedError(Exception):
    """The PaymentIntent is no longer in the state in which this can be done."""


class RefusedMethodError(Exception):
    """Stripe doesn't know the payment method, or it can't be used for this."""


class RefusedAmountError(Exception):
    """Stripe doesn't charge such an amount, or not in this currency."""


def judged(error: stripe.StripeError) -> Exception:
    """Return what it means for the caller; what is wrong with the request itself stays as it is."""
    if error.http_status == _CONFLICT or _code(error) == "lock_timeout":
        return BusyError()
    passing = isinstance(error, stripe.APIConnectionError | stripe.RateLimitError)
    if passing or (error.http_status or 0) >= _SERVER_ERROR:
        Logger().warning("Stripe did not answer", extra=_facts(error))
        return unavailable(_UNREACHABLE)
    return error


def refused(error: stripe.StripeError) -> NoReturn:
    """Log and raise again what Stripe should have taken."""
    Logger().error("Stripe refused a request that it should take", extra=_facts(error))
    raise error


def declined(error: Any) -> DeclinedError:
    """Return why it was not charged; `error` is Stripe's, of a charge or of a PaymentIntent."""
    code, decline_code, message = (
        getattr(error, name, None) or "" for name in ("code", "decline_code", "message")
    )
    return DeclinedError(code or "card_declined", decline_code, message or "Your card was declined.")


def _code(error: stripe.StripeError) -> str | None:
    return getattr(error.error, "code", None)


def _facts(error: stripe.StripeError) -> dict[str, Any]:
    """Return what may be logged: messages of Stripe quote what was sent."""
    return {
        "stripe_error": type(error).__name__,
        "stripe_status": error.http_status,
        "stripe_code": _code(error),
        "stripe_request": error.request_id,
    }
