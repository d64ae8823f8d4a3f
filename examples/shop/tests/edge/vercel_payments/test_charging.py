"""POST /api/process-payment on Vercel: an order is charged once, what it costs, if it can still be paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.shop.tests.edge.vercel_payments.payment import TOO_SMALL, paid
from examples.shop.tests.edge.vercel_shop import BOB, Served
from examples.shop.tests.payments.proxy import CONFIRM, CREATE, after, answering

if TYPE_CHECKING:
    from examples.shop.tests.edge.vercel_shop import Shop

pytestmark = pytest.mark.xdist_group("vercel_payments")


def should_charge_once_however_often_it_is_asked(shop: Shop, served: Served) -> None:
    order = shop.order("19.98")

    answers = [shop.pay(served, order) for _ in range(3)]

    assert all(paid(shop, order, answer) for answer in answers)
    assert shop.payment(order)[1:3] == ["19.98", "eur"]
    assert shop.charged(order) == [1998]
    assert answers[0].headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("total", "currency", "units"), [("500", "jpy", 500), ("1.5", "bhd", 1500), ("9.99", "EUR", 999)]
)
def should_charge_in_the_currency_of_the_order(
    shop: Shop, served: Served, total: str, currency: str, units: int
) -> None:
    order = shop.order(total, currency)
    assert paid(shop, order, shop.pay(served, order))
    assert shop.charged(order) == [units]


def should_charge_what_the_order_costs_now(shop: Shop, served: Served) -> None:
    order = shop.order("10")
    shop.pay(served, order, card="pm_card_visa_chargeDeclined")
    shop.database.execute("update public.orders set total = 12 where id = %s", [order])
    assert paid(shop, order, shop.pay(served, order))
    assert shop.charged(order) == [1200]
    assert sorted(intent.status for intent in shop.intents(order)) == ["canceled", "succeeded"]


def should_never_charge_an_order_that_has_expired(shop: Shop, served: Served) -> None:
    order, begun = shop.order(status="expired"), shop.order()
    shop.pay(served, begun, card="pm_card_visa_chargeDeclined")
    shop.database.execute("update public.orders set status = 'expired' where id = %s", [begun])

    for each in (order, begun):
        answer = shop.pay(served, each)
        assert (answer.status_code, answer.json()) == (
            409,
            {"error": "the order has expired", "order_status": "expired"},
        )
    assert [intent.status for intent in shop.intents(begun)] == ["canceled"]


def should_not_charge_an_order_that_was_paid_otherwise(shop: Shop, served: Served) -> None:
    order = shop.order(status="paid")
    answer = shop.pay(served, order)
    assert (answer.status_code, answer.json()["order_status"]) == (409, "paid")
    assert shop.intents(order) == []


def should_not_charge_again_what_was_given_back(shop: Shop, served: Served) -> None:
    order = shop.order()
    shop.proxy.on(CONFIRM, after(shop.disconnect))
    try:
        shop.pay(served, order)
    finally:
        shop.reconnect()
    [intent] = shop.intents(order)
    shop.account.v1.refunds.create({"charge": str(intent.latest_charge)})

    answer = shop.pay(served, order)

    assert (answer.status_code, "given back" in answer.json()["error"]) == (409, True)
    assert (len(shop.intents(order)), shop.status(order)) == (1, "pending")


@pytest.mark.parametrize(("total", "currency"), [("0", "eur"), ("-1", "eur"), ("1.5", "jpy"), ("1", "ugx")])
def should_not_charge_what_is_no_amount(shop: Shop, served: Served, total: str, currency: str) -> None:
    order = shop.order(total, currency)
    answer = shop.pay(served, order)
    assert (answer.status_code, answer.json()["currency"]) == (409, currency)
    assert shop.intents(order) == []


def should_say_that_stripe_does_not_charge_so_little(shop: Shop, served: Served) -> None:
    shop.proxy.on(CREATE, answering(TOO_SMALL))
    answer = shop.pay(served, shop.order("0.10"))
    assert (answer.status_code, answer.json()["amount"]) == (409, "0.10")


@pytest.mark.parametrize("whose", [BOB, None])
def should_not_know_an_order_of_somebody_else(shop: Shop, served: Served, whose: str | None) -> None:
    order = shop.order(user=whose) if whose else 2**63 - 1
    answer = shop.pay(served, order)
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no such order among yours"})
