"""Stands in for Stripe, as a process: localstripe, and what of Stripe's API it lacks or breaks.

The environment variable STRIPE_SETTINGS names a file of JSON: `port` on 127.0.0.1, and `key`, the only one
that it takes. localstripe keeps customers, cards, charges and payment intents. Here are added, as Stripe's
reference describes them: idempotency keys, confirming with a payment method and again after a refusal, the
test cards that are declined, and the members of card errors. Nothing is written to disk.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from localstripe import resources  # type: ignore[import-untyped]
from localstripe.errors import UserError  # type: ignore[import-untyped]

from tools.local.ports import HOST

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Payment methods by the names that https://docs.stripe.com/testing gives them, with the code of the card
# error and the bank's reason.
DECLINED = {
    "chargeDeclined": ("card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", "incorrect_cvc"),
    "chargeDeclinedProcessingError": ("processing_error", "processing_error"),
    "chargeCustomerFail": ("card_declined", "generic_decline"),
}
MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
NUMBERS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_threeDSecure2Required": "4000000000003220",
}
CHARGE_FAILS = "4000000000000341"
# What localstripe's payment intents don't know and a card on one machine needs nothing of.
IGNORED = frozenset(
    {
        "automatic_payment_methods",
        "confirmation_method",
        "error_on_requires_action",
        "return_url",
        "use_stripe_sdk",
    }
)
KEPT = frozenset({"description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix"})
CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation"})
# What a bank debit takes. localstripe's half a second is over before a second request has come.
BANK_SECONDS = 3
EXPORT = resources.PaymentIntent._export  # noqa: SLF001 - its API
NOT_FOUND = 404
NOT_STARTED = frozenset({400, 401, NOT_FOUND, 409})


def create_intent(*, confirm: str | None = None, **given: Any) -> Any:
    """Create a payment intent, and confirm it where `confirm` is true."""
    kept = {name: given.pop(name, None) for name in KEPT}
    off_session = given.pop("off_session", None)
    method = given.pop("payment_method", None)
    wanted = {name: value for name, value in given.items() if name not in IGNORED}
    found = _payment_method(method) if method else None
    intent = resources.PaymentIntent(**wanted)
    vars(intent).update(kept, amount_received=0, payment_method=found and found.id)
    if str(confirm).lower() == "true":
        return confirm_intent(intent.id)
    if off_session:
        raise _refusal("off_session can only be used with confirm=true.", code="parameter_invalid_empty")
    return intent


def confirm_intent(id: str, payment_method: str | None = None, **given: Any) -> Any:  # noqa: A002 - the API's name
    """Charge a payment intent, with `payment_method` instead of the one that it has."""
    unknown = given.keys() - IGNORED - KEPT - {"off_session"}
    if unknown:
        raise UserError(400, "Received unknown parameters: " + ", ".join(sorted(unknown)))
    intent = resources.PaymentIntent._api_retrieve(id)  # noqa: SLF001 - its API
    if intent.status not in CONFIRMABLE:
        raise _refusal(
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously"
            f" confirmed. Its status is {intent.status}.",
            code="payment_intent_unexpected_state",
            intent=intent,
        )
    if payment_method:
        intent.payment_method = _payment_method(payment_method).id
        intent.latest_charge = None
    if not intent.payment_method or intent.latest_charge is not None:
        raise _refusal(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            intent=intent,
        )
    _charge(intent)
    return intent


def _charge(intent: Any) -> None:
    method = resources.PaymentMethod._api_retrieve(intent.payment_method)  # noqa: SLF001 - its API
    try:
        intent._confirm(on_failure_now=intent._report_failure)  # noqa: SLF001 - its API
    except UserError as error:
        code, reason = getattr(method, "_declined", DECLINED["chargeDeclined"])
        # Stripe takes the refused card off; localstripe would refuse every later one.
        intent.payment_method = None
        error.body["error"].update(
            type="card_error",
            code=code,
            decline_code=reason,
            message=MESSAGES.get(reason, "Your card was declined."),
            payment_intent=_exported(intent),
        )
        raise
    if intent.status == "succeeded":
        intent.amount_received = intent.amount


def _export_intent(intent: Any, expand: list[str] | None = None) -> dict[str, Any]:
    """Export a payment intent with the id of its charge, or the charge itself where that is expanded."""
    wanted = expand or []
    made: dict[str, Any] = EXPORT(intent, [path for path in wanted if path != "latest_charge"])
    if "latest_charge" not in wanted and made["latest_charge"]:
        made["latest_charge"] = made["latest_charge"]["id"]
    return made


def _payment_method(name: str) -> Any:
    reason = DECLINED.get(name.removeprefix("pm_card_").removeprefix("visa_"))
    number = CHARGE_FAILS if reason else NUMBERS.get(name)
    if number is None:
        return resources.PaymentMethod._api_retrieve(name)  # noqa: SLF001 - its API
    card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    method = resources.PaymentMethod(type="card", card=card)
    if reason:
        method._declined = reason  # noqa: SLF001 - beside localstripe's own hidden members
    return method


def _refusal(message: str, *, code: str, intent: Any = None) -> UserError:
    return UserError(
        400, message, {"code": code, **({"payment_intent": _exported(intent)} if intent is not None else {})}
    )


def _exported(intent: Any) -> Any:
    return intent._export()  # noqa: SLF001 - its API


@dataclass
class Saved:
    """The first request with an idempotency key, and its answer; without one it is still under way."""

    request: bytes
    status: int = 0
    body: bytes = b""


class Idempotency:
    """Answers a repeated key as the first time (https://docs.stripe.com/api/idempotent_requests).

    Kept while the process lives; Stripe forgets a key after 24 hours at the earliest.
    """

    def __init__(self) -> None:
        self._saved: dict[str, Saved] = {}

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST":
            return await handler(request)
        content = hashlib.sha256(request.path.encode() + b"\0" + await request.read()).digest()
        saved = self._saved.get(key)
        if saved is not None:
            return _replayed(saved, content, key)
        saved = self._saved[key] = Saved(content)
        try:
            response = await handler(request)
        except BaseException:
            del self._saved[key]
            raise
        if response.status in NOT_STARTED or not isinstance(response, web.Response):
            del self._saved[key]
        else:
            saved.status, saved.body = response.status, bytes(response.body or b"")  # type: ignore[arg-type]
        return response


def _replayed(saved: Saved, content: bytes, key: str) -> web.Response:
    if saved.request != content:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used"
            f" with. Try using a key other than '{key}' if you meant to execute a different request."
        )
        return _error(400, {"type": "idempotency_error", "message": message})
    if saved.status == 0:
        message = f"There is currently another in-progress request using this Idempotent Key ('{key}')."
        return _error(
            409, {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message}
        )
    return web.Response(
        status=saved.status,
        body=saved.body,
        content_type="application/json",
        headers={"Idempotent-Replayed": "true", "Idempotency-Key": key},
    )


def _error(status: int, error: dict[str, str]) -> web.Response:
    return web.json_response({"error": error}, status=status)


def application(key: str) -> web.Application:
    """Return the application that takes the secret key `key` alone."""
    # In memory, however many of these run on the machine.
    resources.Store.dump_to_disk = lambda _: None
    resources.asyncio = SimpleNamespace(
        sleep=lambda _: asyncio.sleep(BANK_SECONDS), ensure_future=asyncio.ensure_future
    )
    resources.PaymentIntent._export = _export_intent  # noqa: SLF001 - its API
    resources.extra_apis[:0] = [
        ("POST", "/v1/payment_intents", create_intent),
        ("POST", "/v1/payment_intents/{id}/confirm", confirm_intent),
    ]
    # Only now: it registers its routes when it is imported, and the first that fits wins.
    from localstripe import server  # noqa: PLC0415

    idempotency = Idempotency()

    @web.middleware
    async def idempotent(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await idempotency.answer(request, handler)

    @web.middleware
    async def in_stripes_words(request: web.Request, handler: Handler) -> web.StreamResponse:
        if server.get_api_key(request) != key:
            return _error(401, {"type": "invalid_request_error", "message": "Invalid API Key provided."})
        response = await handler(request)
        if response.status == NOT_FOUND:
            message = f"No such object: '{request.path.rpartition('/')[2]}'"
            return _error(
                404, {"type": "invalid_request_error", "code": "resource_missing", "message": message}
            )
        return response

    app: web.Application = server.app
    app.middlewares[:0] = [in_stripes_words, idempotent]
    return app


if __name__ == "__main__":
    settings = json.loads(Path(os.environ["STRIPE_SETTINGS"]).read_text())
    asyncio.set_event_loop(asyncio.new_event_loop())
    web.run_app(
        application(settings["key"]),
        host=HOST,
        port=settings["port"],
        access_log_format='"%r" %s %Tf',
        loop=asyncio.get_event_loop(),
    )
