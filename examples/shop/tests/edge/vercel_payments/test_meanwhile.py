"""Money is taken once, whatever happens meanwhile: to the order, and by other requests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from examples.shop.tests.edge.vercel_payments.payment import LOCKED, OTHER_PARAMETERS, paid
from examples.shop.tests.edge.vercel_shop import CARD, Served
from examples.shop.tests.payments.proxy import CONFIRM, CREATE, after, answering, before

if TYPE_CHECKING:
    from examples.shop.tests.edge.vercel_shop import Shop

pytestmark = pytest.mark.xdist_group("vercel_payments")


def should_charge_once_when_it_is_asked_several_times_at_once(shop: Shop, served: Served) -> None:
    order = shop.order()

    with ThreadPoolExecutor(6) as executor:
        answers = list(executor.map(lambda _: shop.pay(served, order), range(6)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert paid(shop, order, shop.pay(served, order))


def should_not_pretend_when_the_total_changed_while_it_was_charged(
    shop: Shop, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    order = shop.order("10")
    change = "update public.orders set total = 12 where id = %s"
    shop.proxy.on(CONFIRM, before(lambda: shop.database.execute(change, [order])))
    for _ in range(2):
        answer = shop.pay(served, order)
        assert (answer.status_code, "total changed" in answer.json()["error"]) == (409, True)
    assert (shop.charged(order), shop.status(order)) == ([1000], "pending")
    assert "what was charged is not the order's total" in caplog.text


def should_pay_an_order_that_expired_while_it_was_charged(shop: Shop, served: Served) -> None:
    order = shop.order()
    expire = "update public.orders set status = 'expired' where id = %s"
    shop.proxy.on(CONFIRM, before(lambda: shop.database.execute(expire, [order])))
    assert paid(shop, order, shop.pay(served, order))


def should_say_that_another_request_is_under_way(shop: Shop, served: Served) -> None:
    order = shop.order()
    shop.proxy.on(CONFIRM, answering(LOCKED))
    answer = shop.pay(served, order)
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "1")
    assert paid(shop, order, shop.pay(served, order))


def should_find_what_another_request_has_charged_meanwhile(shop: Shop, served: Served) -> None:
    order = shop.order()
    shop.proxy.on(CONFIRM, before(lambda: shop.pay(served, order)))
    assert paid(shop, order, shop.pay(served, order))


def should_not_charge_an_order_that_expired_while_the_payment_was_prepared(
    shop: Shop, served: Served
) -> None:
    order = shop.order()
    expire = "update public.orders set status = 'expired' where id = %s"
    shop.proxy.on(CREATE, after(lambda: shop.database.execute(expire, [order])))
    assert shop.pay(served, order).status_code == 409
    assert (shop.charged(order), shop.status(order)) == ([], "expired")


def should_charge_the_total_that_changed_while_the_payment_was_prepared(shop: Shop, served: Served) -> None:
    order = shop.order("10")
    change = "update public.orders set total = 12 where id = %s"
    shop.proxy.on(CREATE, after(lambda: shop.database.execute(change, [order])))
    assert paid(shop, order, shop.pay(served, order))
    assert shop.charged(order) == [1200]


@pytest.mark.parametrize("card", [CARD, "pm_card_visa_chargeDeclined"])
def should_confirm_no_other_payment_intent_of_the_same_attempt(shop: Shop, served: Served, card: str) -> None:
    order = shop.order()

    def pay_with_another() -> None:
        shop.proxy.on(CREATE, answering(OTHER_PARAMETERS))
        shop.pay(served, order, card=card)

    shop.proxy.on(CREATE, after(pay_with_another))

    assert paid(shop, order, shop.pay(served, order))
    made = {intent.id for intent in shop.intents(order)}
    confirmed = {line.split("/")[3] for line, _ in shop.proxy.seen if line.endswith("/confirm")}
    assert (len(made), made & confirmed) == (2, {shop.payment(order)[3]})


def should_not_hold_a_connection_to_postgres_in_a_transaction_while_stripe_is_asked(
    shop: Shop, served: Served
) -> None:
    order = shop.order()
    states: list[str] = []

    def look() -> None:
        query = "select state from pg_stat_activity where usename = 'edge' and application_name = 'vercel'"
        states.extend(shop.database.column(query))

    for step in (CREATE, CONFIRM):
        shop.proxy.on(step, before(look))

    assert paid(shop, order, shop.pay(served, order))
    assert states == ["idle", "idle"]


def should_let_other_requests_pass_while_stripe_is_asked(shop: Shop, served: Served) -> None:
    order, asked, go = shop.order(), threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go.wait(5)

    shop.proxy.on(CREATE, before(hold))

    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(shop.pay, served, order)
        assert asked.wait(5)
        meanwhile = [shop.pay(served, shop.order()).status_code for _ in range(2)]
        go.set()
        answer = waiting.result()

    assert meanwhile == [200, 200]
    assert paid(shop, order, answer)
