"""Stripe's PaymentIntents, as this function uses them, with its errors in this house's words.

https://docs.stripe.com/api/payment_intents
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import stripe
from stripe import PaymentIntent

from payments.account import Account, replayed
from payments.errors import ChangedError, RefusedAmountError, RefusedMethodError, declined, refused

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, PaymentIntentRetrieveParams


class Intents:
    """The PaymentIntents of the account that `Account` finds in the environment."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._account = Account(environment)

    def limit(self, seconds: float) -> None:
        """Let everything from now on take at most so many seconds in sum."""
        self._account.limit(seconds)

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
            return self._account.call(lambda api, options: api.create(parameters, options), key)
        except stripe.InvalidRequestError as error:
            if error.param in {"amount", "currency"} or str(error.code).startswith("amount_"):
                raise RefusedAmountError from error
            refused(error)

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
            return self._account.call(lambda api, options: api.retrieve(intent_id, parameters, options))
        except stripe.InvalidRequestError as error:
            # Made in another account of Stripe, where it may have been charged: nothing takes its place.
            refused(error)

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
            intent = self._account.call(
                lambda api, options: api.confirm(
                    intent_id, {"payment_method": method, "use_stripe_sdk": True}, options
                ),
                key,
            )
        except stripe.CardError as error:
            raise declined(error.error) from error
        except stripe.InvalidRequestError as error:
            if error.code == "payment_intent_unexpected_state":
                raise ChangedError from error
            raise RefusedMethodError from error
        if intent.last_response is not None and replayed(intent.last_response.headers):
            intent = self.retrieve(intent_id)
        if intent.status == "requires_payment_method":
            # The user has failed to authenticate since the first answer.
            raise declined(intent.last_payment_error)
        return intent

    def cancel(self, intent_id: str) -> None:
        """Make sure that a PaymentIntent is never charged.

        Raises:
            ChangedError: it has been charged, or cancelled, already.
            BusyError: another request changes it.
            Problem: 503, Stripe can't be reached.
        """
        try:
            self._account.call(lambda api, options: api.cancel(intent_id, None, options))
        except stripe.InvalidRequestError as error:
            raise ChangedError from error
