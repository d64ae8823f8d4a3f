"""Stripe's PaymentIntents, as this function uses them: bounded in time, its errors in this house's words.

https://docs.stripe.com/api/payment_intents and https://docs.stripe.com/api/idempotent_requests
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

import httpx
import stripe
from stripe import PaymentIntent, PaymentIntentService, RequestOptions, StripeClient

from vercel_app import logs
from vercel_app.deadline import Deadline
from vercel_app.errors import SettingsError, SlowError, UnavailableError
from vercel_app.settings import Settings

if TYPE_CHECKING:
    from stripe.params import (
        PaymentIntentConfirmParams,
        PaymentIntentCreateParams,
        PaymentIntentRetrieveParams,
    )

# Banks take their time; what isn't answered by then may still happen, and a retry finds it.
READ_SECONDS = 12.0
CONNECT_SECONDS = 2.0
MAX_RETRIES = 2
_CONFLICT = 409
_SERVER_ERROR = 500
_AGAIN = "send the same request again: it goes on where this one stopped, and never charges twice"


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
    """The PaymentIntents of the account whose key STRIPE_SECRET_KEY is.

    Every method raises, besides what it says itself, UnavailableError where Stripe can't be reached or fails,
    SlowError where it doesn't answer in time, and SettingsError where it doesn't take the key.

    Args:
        settings: the key, and where Stripe is.
        http: asks it.
    """

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http

    async def create(
        self, deadline: Deadline, *, order_id: int, units: int, currency: str, key: str
    ) -> PaymentIntent:
        """Create an unconfirmed PaymentIntent: it charges nothing.

        The parameters are those of the Lambda function, which derives the same key for the same attempt.

        Raises:
            RefusedAmountError: Stripe doesn't charge that.
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
            return await self._call(lambda api, options: api.create_async(parameters, options), deadline, key)
        except stripe.InvalidRequestError as error:
            if error.param in {"amount", "currency"} or str(error.code).startswith("amount_"):
                raise RefusedAmountError from error
            _refused(error)

    async def retrieve(self, deadline: Deadline, intent_id: str) -> PaymentIntent:
        """Look a PaymentIntent up, with its latest charge."""
        parameters: PaymentIntentRetrieveParams = {"expand": ["latest_charge"]}
        try:
            return await self._call(
                lambda api, options: api.retrieve_async(intent_id, parameters, options), deadline
            )
        except stripe.InvalidRequestError as error:
            # Made in another account of Stripe, where it may have been charged: nothing takes its place.
            _refused(error)

    async def confirm(self, deadline: Deadline, intent_id: str, method: str) -> PaymentIntent:
        """Charge a PaymentIntent, which can succeed once.

        Each call has a key of its own: a PaymentIntent needs none to be charged once, and a card that was
        declined may be tried again.

        Returns:
            The PaymentIntent, succeeded or "processing".

        Raises:
            DeclinedError: it was not charged.
            ChangedError: it can't be confirmed any more.
            RefusedMethodError: Stripe doesn't take the payment method.
            BusyError: another request confirms it.
        """
        # Whoever calls can't be asked to authenticate: such a card counts as declined.
        parameters: PaymentIntentConfirmParams = {"payment_method": method, "error_on_requires_action": True}
        try:
            intent = await self._call(
                lambda api, options: api.confirm_async(intent_id, parameters, options), deadline, str(uuid4())
            )
        except stripe.CardError as error:
            raise _declined(error.error) from error
        except stripe.InvalidRequestError as error:
            if error.code == "payment_intent_unexpected_state":
                raise ChangedError from error
            raise RefusedMethodError from error
        if intent.status not in {"succeeded", "processing"}:
            raise DeclinedError(
                "authentication_required", "", "Your bank wants you to authenticate: take another card."
            )
        return intent

    async def cancel(self, deadline: Deadline, intent_id: str) -> None:
        """Make sure that a PaymentIntent is never charged.

        Raises:
            ChangedError: it has been charged, or cancelled, already.
            BusyError: another request changes it.
        """
        try:
            await self._call(lambda api, options: api.cancel_async(intent_id, None, options), deadline)
        except stripe.InvalidRequestError as error:
            raise ChangedError from error

    async def _call(
        self,
        call: Callable[[PaymentIntentService, RequestOptions], Awaitable[PaymentIntent]],
        deadline: Deadline,
        key: str | None = None,
    ) -> PaymentIntent:
        try:
            async with asyncio.timeout(deadline.left()):
                return await self._try(call, key)
        except TimeoutError as error:
            raise SlowError(f"Stripe did not answer in time; {_AGAIN}") from error

    async def _try(
        self,
        call: Callable[[PaymentIntentService, RequestOptions], Awaitable[PaymentIntent]],
        key: str | None,
    ) -> PaymentIntent:
        try:
            return await call(self._api, {"idempotency_key": key} if key else {})
        except stripe.CardError:
            raise
        except stripe.StripeError as error:
            if not _is_kept(error):
                raise _judged(error) from error
        try:
            # A PaymentIntent succeeds once, and one that nobody confirms never: another key does no harm.
            return await call(self._api, {"idempotency_key": str(uuid4())})
        except stripe.CardError:
            raise
        except stripe.StripeError as error:
            raise _judged(error) from error

    @cached_property
    def _api(self) -> PaymentIntentService:
        client = StripeClient(
            self._settings.stripe_key,
            base_addresses={"api": self._settings.stripe_api},
            http_client=_Transport(self._http),
            max_network_retries=MAX_RETRIES,
        )
        return client.v1.payment_intents


class _Transport(stripe.HTTPClient):
    """Lets Stripe's SDK use the client that the instance has anyway."""

    name = "httpx"
    _timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)

    def __init__(self, http: httpx.AsyncClient) -> None:
        super().__init__()
        self._http = http

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = await self._http.request(
                method, url, headers=headers, content=post_data, timeout=self._timeout
            )
        except httpx.TransportError as error:
            raise _connection_error(error) from error
        return response.content, response.status_code, response.headers

    async def sleep_async(self, secs: float) -> None:
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Leave it to the instance."""


def _connection_error(error: httpx.TransportError) -> stripe.APIConnectionError:
    # What was sent and not answered may still be under way: the same key again would be refused.
    repeat = not isinstance(error, httpx.ReadTimeout)
    return stripe.APIConnectionError(type(error).__name__, should_retry=repeat)  # type: ignore[no-untyped-call]


def _is_kept(error: stripe.StripeError) -> bool:
    """Tell whether Stripe answers an idempotency key by what it keeps under it, instead of doing anything.

    For a day it keeps its own failures too, and it refuses parameters that another release has sent.
    """
    replayed = (error.headers or {}).get("idempotent-replayed") == "true"
    return isinstance(error, stripe.IdempotencyError) or replayed


def _judged(error: stripe.StripeError) -> Exception:
    """Return what it means for the caller; what is wrong with the request itself stays as it is."""
    if error.http_status == _CONFLICT or _code(error) == "lock_timeout":
        return BusyError()
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return SettingsError(
            "Stripe does not take STRIPE_SECRET_KEY for this: it must be a key that may write PaymentIntents"
            " and read Charges"
        )
    return _outage(error) or error


def _outage(error: stripe.StripeError) -> UnavailableError | None:
    if isinstance(error, stripe.APIConnectionError):
        if isinstance(error.__cause__, httpx.TimeoutException):
            return SlowError(f"Stripe did not answer in time; {_AGAIN}", reason=_facts(error))
        return UnavailableError(f"Stripe is out of reach; {_AGAIN}", reason=_facts(error))
    if isinstance(error, stripe.RateLimitError):
        return UnavailableError(f"Stripe takes no more requests now; {_AGAIN}", reason=_facts(error))
    if isinstance(error, stripe.APIError) or (error.http_status or 0) >= _SERVER_ERROR:
        return UnavailableError(f"Stripe failed; {_AGAIN}", status=502, reason=_facts(error))
    return None


def _refused(error: stripe.StripeError) -> NoReturn:
    logs.error("Stripe refused a request that it should take", reason=_facts(error))
    raise error


def _declined(error: Any) -> DeclinedError:
    code, decline_code, message = (
        getattr(error, name, None) or "" for name in ("code", "decline_code", "message")
    )
    return DeclinedError(code or "card_declined", decline_code, message or "Your card was declined.")


def _code(error: stripe.StripeError) -> str | None:
    return getattr(error.error, "code", None)


def _facts(error: stripe.StripeError) -> str:
    """Return what may be logged: messages of Stripe quote what was sent."""
    kind = type(error.__cause__ or error).__name__
    return f"{kind}, status {error.http_status}, code {_code(error)}, request {error.request_id}"
