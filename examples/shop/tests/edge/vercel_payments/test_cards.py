"""A card that is declined, or must be authenticated, is said to be; another one may pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.shop.tests.edge.vercel_payments.payment import paid
from examples.shop.tests.payments.proxy import CONFIRM

if TYPE_CHECKING:
    from examples.shop.tests.edge.vercel_shop import Served, Shop

pytestmark = pytest.mark.xdist_group("vercel_payments")
AUTHENTICATED = "pm_card_authenticationRequired"


def should_take_another_card_when_one_is_declined(shop: Shop, served: Served) -> None:
    order = shop.order()

    declined = shop.pay(served, order, card="pm_card_visa_chargeDeclinedInsufficientFunds")

    assert (declined.status_code, declined.json()) == (
        402,
        {
            "error": "Your card has insufficient funds.",
            "code": "card_declined",
            "decline_code": "insufficient_funds",
        },
    )
    assert (shop.status(order), shop.charged(order)) == ("pending", [])
    assert paid(shop, order, shop.pay(served, order))
    assert len(shop.intents(order)) == 1


def should_ask_stripe_again_when_a_declined_card_is_tried_again(shop: Shop, served: Served) -> None:
    order = shop.order()
    for _ in range(2):
        assert shop.pay(served, order, card="pm_card_visa_chargeDeclined").status_code == 402
    keys = shop.proxy.keys(CONFIRM)[-2:]
    assert keys[0] != keys[1]


def should_not_tell_why_a_stolen_card_is_declined(shop: Shop, served: Served) -> None:
    answer = shop.pay(served, shop.order(), card="pm_card_visa_chargeDeclinedStolenCard")
    assert (answer.status_code, answer.json()["decline_code"]) == (402, "generic_decline")


def should_take_another_card_when_one_must_be_authenticated(shop: Shop, served: Served) -> None:
    order = shop.order()
    answer = shop.pay(served, order, card=AUTHENTICATED)
    assert (answer.status_code, answer.json()["code"]) == (402, "authentication_required")
    assert paid(shop, order, shop.pay(served, order))


def should_ask_to_come_again_while_the_bank_takes_its_time(shop: Shop, served: Served) -> None:
    order = shop.order()
    method = shop.account.v1.payment_methods.create(
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "DE62370400440532013001"},
            "billing_details": {"name": "Ada", "email": "ada@example.com"},
        }
    )
    for _ in range(2):
        answer = shop.pay(served, order, card=method.id)
        assert (answer.status_code, answer.headers["retry-after"]) == (409, "60")
    assert len(shop.intents(order)) == 1


def should_refuse_a_payment_method_that_stripe_does_not_know(shop: Shop, served: Served) -> None:
    order = shop.order()
    assert shop.pay(served, order, card="pm_nobodys").status_code == 422
    assert paid(shop, order, shop.pay(served, order))
