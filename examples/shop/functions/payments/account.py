"""The account of Stripe whose key the secret holds: each call bounded in time, and by its idempotency key.

https://docs.stripe.com/api/idempotent_requests
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import requests
import stripe
from stripe import PaymentIntent, RequestOptions, StripeClient

from bridge import secrets
from bridge.environment import required
from bridge.errors import SecretError
from payments.errors import judged

CONNECT_SECONDS = 2.0
# Banks take their time; what isn't answered by then may still happen, and a retry finds it.
READ_SECONDS = 12.0
MIN_SECONDS = 0.5
MAX_RETRIES = 2


class Account:
    """Calls Stripe with the key of the secret.

    The environment is read at the first use: STRIPE_SECRET_ID, the Secrets Manager entry with "secret_key"
    and, where it isn't Stripe's own, the address "api_base".
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._session = _Session()
        self._http = stripe.RequestsClient(session=self._session)
        self._key = ""
        self._client: StripeClient | None = None

    def limit(self, seconds: float) -> None:
        """Let everything from now on take at most so many seconds in sum."""
        self._session.deadline = time.monotonic() + seconds

    def call(
        self,
        request: Callable[[stripe.PaymentIntentService, RequestOptions], PaymentIntent],
        key: str | None = None,
    ) -> PaymentIntent:
        """Call Stripe; once more with what the secret says now if Stripe doesn't take the key.

        Args:
            request: makes the call.
            key: the idempotency key, where Stripe must know a repetition by it.

        Raises:
            stripe.CardError, stripe.InvalidRequestError: what the call asks for is refused.
            SecretError: Stripe doesn't take the key of the secret.
            BusyError: another request changes the same PaymentIntent.
            Problem: 503, Stripe can't be reached.
        """
        try:
            return self._try(request, key)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            refusal = SecretError(
                f'Stripe does not take "secret_key" of secret "{self._secret_id()}" for this'
                f" ({error.http_status}): fill in one that may write PaymentIntents and read Charges"
            )
        secrets.refresh(self._secret_id())
        if self._secret_key() == self._key:
            raise refusal
        try:
            return self._try(request, key)
        except (stripe.AuthenticationError, stripe.PermissionError):
            raise refusal from None

    def _try(
        self, request: Callable[[stripe.PaymentIntentService, RequestOptions], PaymentIntent], key: str | None
    ) -> PaymentIntent:
        api = self._api()
        try:
            return request(api, {"idempotency_key": key})
        except stripe.CardError:
            raise
        except stripe.StripeError as error:
            if not _kept(error):
                raise judged(error) from None
        try:
            # A PaymentIntent succeeds once, and one that nobody confirms never: another key does no harm.
            return request(api, {"idempotency_key": str(uuid4())})
        except stripe.CardError:
            raise
        except stripe.StripeError as error:
            raise judged(error) from None

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
    return isinstance(error, stripe.IdempotencyError) or replayed(error.headers)


def replayed(headers: Mapping[str, str] | None) -> bool:
    """Tell whether an answer is what Stripe had answered to the same idempotency key before."""
    return (headers or {}).get("idempotent-replayed") == "true"
