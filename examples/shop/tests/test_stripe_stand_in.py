"""The stand-in for Stripe, through Stripe's own library: what a payment needs and what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tools.local.directories import RunDirectory
from tools.local.stripe import Stripe

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER: Any = {
    "amount": 1998,
    "currency": "eur",
    "metadata": {"order_id": "1"},
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "description": "Order 1",
}
VISA: Any = {"payment_method": "pm_card_visa"}


@pytest.fixture(scope="module")
def server() -> Iterator[Stripe]:
    directory = RunDirectory()
    with Stripe(run_directory=directory, log=directory.path / "log") as server:
        yield server
    directory.remove()


@pytest.fixture
def client(server: Stripe) -> stripe.StripeClient:
    return stripe.StripeClient(server.key, base_addresses={"api": server.url}, max_network_retries=0)


def options(key: str) -> Any:
    return {"idempotency_key": key}


def should_create_confirm_and_show_a_payment(client: stripe.StripeClient) -> None:
    intents = client.v1.payment_intents
    intent = intents.create(ORDER)
    assert (intent.status, intent.amount_received) == ("requires_payment_method", 0)
    assert intent.metadata.to_dict() == {"order_id": "1"}
    paid = intents.confirm(intent.id, VISA)
    assert (paid.id, paid.status, paid.amount_received) == (intent.id, "succeeded", 1998)
    assert intents.retrieve(intent.id).status == "succeeded"
    assert intent.id in {listed.id for listed in intents.list({"limit": 100}).data}
    assert intents.create(ORDER | VISA | {"confirm": True}).status == "succeeded"


def should_answer_a_repeated_key_as_the_first_time(client: stripe.StripeClient) -> None:
    intents = client.v1.payment_intents
    first, again = (intents.create(ORDER, options("create")) for _ in range(2))
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert intents.create(ORDER, options("another")).id != first.id
    with pytest.raises(stripe.IdempotencyError):
        intents.create(ORDER | {"amount": 1}, options("create"))


def should_refuse_a_payment_that_was_made(client: stripe.StripeClient) -> None:
    intents = client.v1.payment_intents
    intent = intents.create(ORDER)
    assert intents.confirm(intent.id, VISA, options("confirm")).status == "succeeded"
    assert intents.confirm(intent.id, VISA, options("confirm")).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        intents.confirm(intent.id, VISA, options("confirm again"))
    assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("card", "code", "reason"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def should_decline_a_card_and_take_another(
    client: stripe.StripeClient, card: str, code: str, reason: str
) -> None:
    intents = client.v1.payment_intents
    intent = intents.create(ORDER)
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            intents.confirm(intent.id, {"payment_method": card}, options(f"with {card}"))
        body: Any = declined.value.json_body
        error = body["error"]
        assert (error["type"], error["code"], error["decline_code"]) == ("card_error", code, reason)
        assert error["payment_intent"]["status"] == "requires_payment_method"
    assert intents.retrieve(intent.id).status == "requires_payment_method"
    assert intents.confirm(intent.id, VISA).status == "succeeded"


def should_ask_for_authentication(client: stripe.StripeClient) -> None:
    card: Any = {"payment_method": "pm_card_authenticationRequired", "confirm": True}
    assert client.v1.payment_intents.create(ORDER | card).status == "requires_action"


def should_refuse_a_canceled_payment_and_unknown_things(client: stripe.StripeClient) -> None:
    intents = client.v1.payment_intents
    intent = intents.create(ORDER)
    assert intents.cancel(intent.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        intents.confirm(intent.id, VISA)
    with pytest.raises(stripe.InvalidRequestError) as missing:
        intents.retrieve("pi_unknown")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError):
        intents.create(ORDER | {"amount": 0})
    with pytest.raises(stripe.InvalidRequestError):
        intents.create(ORDER | {"colour": "red"})


def should_take_no_other_key(server: Stripe) -> None:
    foreign = stripe.StripeClient("sk_test_of_somebody_else", base_addresses={"api": server.url})
    with pytest.raises(stripe.AuthenticationError):
        foreign.v1.payment_intents.create(ORDER)


def should_write_nothing_to_disk(server: Stripe, client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create(ORDER)
    assert list(server.home.rglob("*")) == []
    assert not Path("/tmp/localstripe.pickle").exists()
