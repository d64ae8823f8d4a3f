"""Stripe's PaymentIntents, as this function uses them: bounded in time, its errors in this house's words.

https://docs.stripe.com/api/payment_intents and https://docs.stripe.com/api/idempotent_requests
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

import requests
import stripe
from aws_lambda_powertools import Logger
from stripe import PaymentIntent, RequestOptions, StripeClient

from bridge import secrets
from bridge.environment import required
from bridge.errors import SecretError
from bridge.problems import unavailable

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, PaymentIntentRetrieveParams

CONNECT_SECONDS = 2.0
# Banks take their time; what isn't answered by then may still happen, and a retry finds it.
READ_SECONDS = 12.0
MIN_SECONDS = 0.5
MAX_RETRIES = 2
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


class Intents:
    """The PaymentIntents of the account whose key the secret holds.

    The environment is read at the first use: STRIPE_SECRET_ID, the Secrets Manager entry with "secret_key"
    and, where it isn't Stripe's own, the address "api_base".
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._session = _Session()
        self._http = stripe.RequestsClient(session=self._session)
        self._key = ""
        self._client: StripeClient | None = None

    def limit(self, seconds: float) -> None:
        """Let everything from now on take at most so many seconds in sum."""
        self._session.deadline = time.monotonic() + seconds

    def create(self, *, order_id: int, units: int, currency: str, key: str) -> PaymentIntent:
        """Create an unconfirmed PaymentIntent: it charges nothing.

        Raises:
            RefusedAmountError: Stripe doesn't charge that.
            Problem: 503, Stripe can't be reached.
        """
        parameters: PaymentIntentCreateParams = {
            "amount": units,
            "currency": currency,
            "metadata": {"order_id": str(order_id)},
            "description": f"Order {order_id}",
            # The server confirms it: a method that leads the user away would need a page to return to.
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
        try:
            return self._call(lambda api, options: api.create(parameters, options), key)
        except stripe.InvalidRequestError as error:
            if error.param in {"amount", "currency"} or str(error.code).startswith("amount_"):
                raise RefusedAmountError from error
            _refused(error)

    def retrieve(self, intent_id: str) -> PaymentIntent:
        """Look a PaymentIntent up.

        Raises:
            Problem: 503, Stripe can't be reached.
        """
        return self._retrieve(intent_id)

    def is_refunded(self, intent_id: str) -> bool:
        """Tell whether all that a PaymentIntent charged was given back.

        Raises:
            Problem: 503, Stripe can't be reached.
        """
        charge = self._retrieve(intent_id, {"expand": ["latest_charge"]}).latest_charge
        if not isinstance(charge, stripe.Charge):
            raise TypeError(f"{intent_id} has not been charged")
        return charge.refunded

    def _retrieve(
        self, intent_id: str, parameters: "PaymentIntentRetrieveParams | None" = None
    ) -> PaymentIntent:
        try:
            return self._call(lambda api, options: api.retrieve(intent_id, parameters, options))
        except stripe.InvalidRequestError as error:
            # Made in another account of Stripe, where it may have been charged: nothing takes its place.
            _refused(error)

    def confirm(self, intent_id: str, method: str, key: str) -> PaymentIntent:
        """Charge a PaymentIntent, which can succeed once.

        Returns:
            The PaymentIntent as it is now, also where Stripe repeats what it answered to the same key before.

        Raises:
            DeclinedError: it was not charged.
            ChangedError: it can't be confirmed any more.
            RefusedMethodError: Stripe doesn't take the payment method.
            BusyError: another request confirms it.
            Problem: 503, Stripe can't be reached; whether it was charged is not known.
        """
        try:
            intent = self._call(
                lambda api, options: api.confirm(
                    intent_id, {"payment_method": method, "use_stripe_sdk": True}, options
                ),
                key,
            )
        except stripe.CardError as error:
            raise _declined(error.error) from error
        except stripe.InvalidRequestError as error:
            if error.code == "payment_intent_unexpected_state":
                raise ChangedError from error
            raise RefusedMethodError from error
        if intent.last_response is not None and _replayed(intent.last_response.headers):
            intent = self.retrieve(intent_id)
        if intent.status == "requires_payment_method":
            # The user has failed to authenticate since the first answer.
            raise _declined(intent.last_payment_error)
        return intent

    def cancel(self, intent_id: str) -> None:
        """Make sure that a PaymentIntent is never charged.

        Raises:
            ChangedError: it has been charged, or cancelled, already.
            BusyError: another request changes it.
            Problem: 503, Stripe can't be reached.
        """
        try:
            self._call(lambda api, options: api.cancel(intent_id, None, options))
        except stripe.InvalidRequestError as error:
            raise ChangedError from error

    def _call(
        self,
        call: Callable[[stripe.PaymentIntentService, RequestOptions], PaymentIntent],
        key: str | None = None,
    ) -> PaymentIntent:
        """Call Stripe; once more with what the secret says now if Stripe doesn't take the key."""
        try:
            return self._try(call, key)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            refusal = SecretError(
                f'Stripe does not take "secret_key" of secret "{self._secret_id()}" for this'
                f" ({error.http_status}): fill in one that may write PaymentIntents and read Charges"
            )
        secrets.refresh(self._secret_id())
        if self._secret_key() == self._key:
            raise refusal
        try:
            return self._try(call, key)
        except (stripe.AuthenticationError, stripe.PermissionError):
            raise refusal from None

    def _try(
        self, call: Callable[[stripe.PaymentIntentService, RequestOptions], PaymentIntent], key: str | None
    ) -> PaymentIntent:
        api = self._api()
        try:
            return call(api, {"idempotency_key": key})
        except stripe.CardError:
            raise
        except stripe.StripeError as error:
            if not _kept(error):
                raise _judged(error) from None
        try:
            # A PaymentIntent succeeds once, and one that nobody confirms never: another key does no harm.
            return call(api, {"idempotency_key": str(uuid4())})
        except stripe.CardError:
            raise
        except stripe.StripeError as error:
            raise _judged(error) from None

    def _api(self) -> stripe.PaymentIntentService:
        key = self._secret_key()
        if self._client is None or key != self._key:
            base = secrets.get(self._secret_id()).get("api_base")
            self._key = key
            self._client = StripeClient(
                key,
                base_addresses={"api": base.rstrip("/")} if base else None,
                http_client=self._http,
                max_network_retries=MAX_RETRIES,
            )
        return self._client.v1.payment_intents

    def _secret_key(self) -> str:
        return secrets.field(self._secret_id(), "secret_key")

    def _secret_id(self) -> str:
        return required(self._environment, "STRIPE_SECRET_ID")


class _Session(requests.Session):
    """Connections that are kept, and a time by which everything must be over."""

    def __init__(self) -> None:
        super().__init__()
        # Neither a proxy nor a .netrc with another key, whatever the machine says.
        self.trust_env = False
        self.deadline = 0.0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        left = self.deadline - time.monotonic()
        if left < MIN_SECONDS:
            # Neither a time-out nor a broken connection: Stripe's client doesn't try again.
            raise requests.RequestException("no time is left for another request")
        kwargs["timeout"] = (min(CONNECT_SECONDS, left), min(READ_SECONDS, left))
        return super().send(request, **kwargs)


def _kept(error: stripe.StripeError) -> bool:
    """Tell whether Stripe answers an idempotency key by what it keeps under it, instead of doing anything.

    For a day it keeps its own failures too, and that a PaymentIntent could not be confirmed in its state of
    then; and it refuses parameters that another release has sent.
    """
    return isinstance(error, stripe.IdempotencyError) or _replayed(error.headers)


def _replayed(headers: Mapping[str, str] | None) -> bool:
    return (headers or {}).get("idempotent-replayed") == "true"


def _judged(error: stripe.StripeError) -> Exception:
    """Return what it means for the caller; what is wrong with the request itself stays as it is."""
    if error.http_status == _CONFLICT or _code(error) == "lock_timeout":
        return BusyError()
    passing = isinstance(error, stripe.APIConnectionError | stripe.RateLimitError)
    if passing or (error.http_status or 0) >= _SERVER_ERROR:
        Logger().warning("Stripe did not answer", extra=_facts(error))
        return unavailable(_UNREACHABLE)
    return error


def _refused(error: stripe.StripeError) -> NoReturn:
    Logger().error("Stripe refused a request that it should take", extra=_facts(error))
    raise error


def _declined(error: Any) -> DeclinedError:
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
