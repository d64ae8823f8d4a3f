"""Paying for an order: what is answered, and what Postgres and Stripe hold afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from examples.shop.tests.payments.proxy import CONFIRM, CREATE
from examples.shop.tests.payments.shop import STRANGER

if TYPE_CHECKING:
    from examples.shop.tests.payments.shop import Shop

NOT_FOUND = {"title": "No such order", "status": 404}


@pytest.mark.parametrize("status", ["pending", "processed"])
def should_charge_and_mark_the_order_paid(shop: Shop, status: str) -> None:
    order = shop.order(status=status)

    answer = shop.pay(order)

    intent = shop.payment(order)[3]
    assert answer.status == 200
    assert answer.body == {
        "order_id": order,
        "status": "succeeded",
        "amount": "19.98",
        "currency": "eur",
        "payment_intent_id": intent,
        "client_secret": None,
    }
    assert answer.headers["cache-control"] == "no-store"
    assert shop.status(order) == "paid"
    assert shop.payment(order) == ["succeeded", "19.98", "eur", intent]
    assert shop.charges() == 1


def should_tell_stripe_what_is_paid(shop: Shop) -> None:
    order = shop.order("19.98", "EUR")
    shop.pay(order)
    intent = shop.intent(order)
    assert (intent.amount, intent.currency, intent.status) == (1998, "eur", "succeeded")
    assert intent.metadata.to_dict() == {"order_id": str(order)}


def should_answer_alike_when_sent_again(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    first = shop.pay(order, key=key)
    again = shop.pay(order, key=key)
    assert (again.status, again.body) == (first.status, first.body)
    assert shop.charges() == 1


def should_answer_with_the_payment_of_a_paid_order_whatever_the_key_and_card(shop: Shop) -> None:
    order = shop.order()
    first = shop.pay(order)
    again = shop.pay(order, card="pm_card_mastercard")
    assert (again.status, again.body) == (200, first.body)
    assert shop.charges() == 1


def should_charge_each_order(shop: Shop) -> None:
    orders = [shop.order(), shop.order()]
    assert [shop.pay(order).status for order in orders] == [200, 200]
    assert shop.charges() == 2


def should_not_confuse_orders_of_another_database(shop: Shop) -> None:
    # The database was made anew, the account at Stripe was not: Stripe still keeps keys for an order 1.
    order = shop.order()
    shop.pay(order)
    shop.database.execute("delete from public.payments where order_id = %s", [order])
    shop.set(order, status="pending")
    assert shop.pay(order).status == 200
    assert shop.charges() == 2


@pytest.mark.parametrize("order", [None, 2**62])
def should_not_know_an_order_that_is_not_the_callers(shop: Shop, order: int | None) -> None:
    foreign = shop.order(user=STRANGER)

    answer = shop.pay(order or foreign)

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body.items() >= NOT_FOUND.items()
    assert shop.status(foreign) == "pending"
    assert shop.database.column("select 1 from public.payments where order_id = %s", [foreign]) == []
    assert shop.charges() == 0


def should_refuse_an_expired_order(shop: Shop) -> None:
    order = shop.order(status="expired")
    answer = shop.pay(order)
    assert (answer.status, answer.body["order_status"]) == (409, "expired")
    assert not shop.proxy.seen


def should_refuse_an_order_that_was_paid_otherwise(shop: Shop) -> None:
    answer = shop.pay(shop.order(status="paid"))
    assert (answer.status, answer.body["order_status"]) == (409, "paid")
    assert not shop.proxy.seen


@pytest.mark.parametrize(("total", "currency"), [("0", "eur"), ("-1", "eur"), ("1.50", "jpy"), ("5", "euro")])
def should_refuse_what_can_not_be_charged(shop: Shop, total: str, currency: str) -> None:
    answer = shop.pay(shop.order(total, currency))
    assert (answer.status, answer.body["currency"]) == (409, currency)
    assert not shop.proxy.seen


def should_refuse_a_key_that_belongs_to_another_order(shop: Shop) -> None:
    key, other = str(uuid4()), shop.order()
    shop.pay(shop.order(), key=key)

    answer = shop.pay(other, key=key)

    assert answer.status == 422
    assert (shop.status(other), shop.charges()) == ("pending", 1)
    assert shop.pay(other).status == 200


def should_refuse_a_key_that_belongs_to_another_card(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    shop.pay(order, key=key, card="pm_card_visa_chargeDeclined")
    assert shop.pay(order, key=key).status == 422
    assert shop.charges() == 0


def should_keep_the_keys_of_users_apart(shop: Shop) -> None:
    key = str(uuid4())
    assert shop.pay(shop.order(), key=key).status == 200
    assert shop.pay(shop.order(user=STRANGER), key=key, user=STRANGER).status == 200


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "generic_decline"),
    ],
)
def should_say_why_a_card_was_declined(shop: Shop, card: str, code: str, decline_code: str) -> None:
    order = shop.order()
    answer = shop.pay(order, card=card)
    assert answer.status == 402
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.body["code"], answer.body["decline_code"]) == (code, decline_code)
    assert (shop.status(order), shop.charges()) == ("pending", 0)


def should_let_another_card_be_tried(shop: Shop) -> None:
    order = shop.order()
    assert shop.pay(order, card="pm_card_visa_chargeDeclined").status == 402
    assert shop.pay(order).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)
    assert shop.proxy.count(CREATE) == 1


def should_repeat_that_a_card_was_declined(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    answers = [shop.pay(order, key=key, card="pm_card_visa_chargeDeclined") for _ in range(2)]
    assert answers[0] == answers[1]
    confirmations = shop.proxy.keys(CONFIRM)
    assert len(confirmations) == 2
    assert len(set(confirmations)) == 1


def should_refuse_a_payment_method_that_stripe_does_not_know(shop: Shop) -> None:
    order = shop.order()
    answer = shop.pay(order, card="pm_123456")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/payment_method")
    assert shop.pay(order).status == 200
    assert shop.charges() == 1
