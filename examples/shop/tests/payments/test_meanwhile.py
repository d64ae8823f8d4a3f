"""What others do meanwhile: other requests, workers, the shop, and the user at the bank."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from examples.shop.tests.payments.proxy import (
    CANCEL,
    CONFIRM,
    CREATE,
    KEPT_FAILURE,
    RETRIEVE,
    after,
    answering,
    before,
    lose_answer,
)
from examples.shop.tests.payments.shop import AUTHENTICATED
from process_order.orders import process

if TYPE_CHECKING:
    from examples.shop.tests.payments.shop import Shop

AT_ONCE = 8
BANK_SECONDS = 20
DECLINED = "pm_card_visa_chargeDeclined"
CHANGED = "The order's total has changed"


@pytest.mark.parametrize("keys", ["one key", "a key each"])
def should_charge_once_when_asked_at_the_same_time(shop: Shop, keys: str) -> None:
    order, key = shop.order(), str(uuid4())
    instances = [shop.instance() for _ in range(AT_ONCE)]

    def pay(instance: Any) -> int:
        return shop.pay(order, key=key if keys == "one key" else None, instance=instance).status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(pay, instances))

    assert 200 in statuses
    assert set(statuses) <= {200, 409}
    assert shop.pay(order, key=key).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_charge_once_when_another_request_is_first(shop: Shop) -> None:
    order, other = shop.order(), shop.instance()
    shop.proxy.on(CONFIRM, before(lambda: shop.pay(order, instance=other)))
    assert shop.pay(order).status == 200
    assert (shop.proxy.count(CONFIRM), shop.charges()) == (2, 1)


def should_confirm_only_the_payment_intent_that_is_committed(shop: Shop) -> None:
    order, other = shop.order(), shop.instance()

    def commit_to_another_one() -> None:
        # Stripe doesn't give it the same PaymentIntent; it charges, and nobody here learns of it.
        shop.proxy.on(CREATE, answering(KEPT_FAILURE), times=3)
        shop.proxy.on(CONFIRM, lose_answer, times=3)
        assert shop.pay(order, instance=other).status == 503

    shop.proxy.on(CREATE, after(commit_to_another_one))
    answer = shop.pay(order)
    assert (answer.status, shop.charges()) == (200, 1)
    assert shop.proxy.count(CREATE) == 5


def should_not_commit_to_a_payment_intent_of_an_earlier_attempt(shop: Shop) -> None:
    order, other = shop.order("19.98"), shop.instance()

    def make_another_attempt() -> None:
        shop.set(order, total="29.98")
        shop.proxy.on(CREATE, lose_answer, times=3)
        assert shop.pay(order, instance=other).status == 503

    shop.proxy.on(CREATE, after(make_another_attempt))
    answer = shop.pay(order)
    assert (answer.status, answer.body["amount"]) == (200, "29.98")
    assert (shop.intent(order).amount, shop.charges()) == (2998, 1)


@pytest.mark.parametrize("step", [CREATE, CONFIRM])
def should_not_lose_that_it_is_paid_to_a_worker_that_processes_the_order(shop: Shop, step: str) -> None:
    order = shop.order()
    row = {"id": order, "items": [{"quantity": 1, "price": Decimal("19.98")}], "total": Decimal("19.98")}

    def work() -> None:
        with shop.database.connect() as db, db.transaction():
            process(row, db)

    shop.proxy.on(step, after(work))
    assert shop.pay(order).status == 200
    assert shop.status(order) == "paid"
    work()
    assert shop.status(order) == "paid"


def should_charge_the_total_of_now_when_it_changed_after_a_refusal(shop: Shop) -> None:
    order = shop.order("19.98")
    shop.pay(order, card=DECLINED)
    refused = shop.payment(order)[3]
    shop.set(order, total="29.98", currency="usd")

    answer = shop.pay(order)

    assert (answer.status, answer.body["amount"], answer.body["currency"]) == (200, "29.98", "usd")
    assert (shop.intent(order).amount, shop.charges()) == (2998, 1)
    assert shop.client().v1.payment_intents.retrieve(refused).status == "canceled"


@pytest.mark.parametrize("step", [CREATE, RETRIEVE])
def should_charge_the_total_of_now_when_it_changes_before_the_charge(shop: Shop, step: str) -> None:
    order = shop.order("19.98")
    if step == RETRIEVE:
        shop.pay(order, card=DECLINED)
    shop.proxy.on(step, after(lambda: shop.set(order, total="29.98")))
    answer = shop.pay(order)
    assert (answer.status, answer.body["amount"]) == (200, "29.98")
    assert (shop.intent(order).amount, shop.status(order), shop.charges()) == (2998, "paid", 1)


@pytest.mark.parametrize("moment", [before, after])
def should_not_mark_paid_what_was_not_charged(shop: Shop, moment: Any) -> None:
    order, key = shop.order("19.98"), str(uuid4())
    shop.proxy.on(CONFIRM, moment(lambda: shop.set(order, total="29.98")))

    answers = [shop.pay(order, key=key), shop.pay(order, key=key), shop.pay(order)]

    assert [(answer.status, answer.body["title"]) for answer in answers] == [(409, CHANGED)] * 3
    assert {answer.body["amount"] for answer in answers} == {"19.98"}
    assert (shop.status(order), shop.payment(order)[0], shop.charges()) == ("pending", "succeeded", 1)
    shop.set(order, total="19.98")
    assert shop.pay(order).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_not_call_paid_what_was_refunded(shop: Shop) -> None:
    order = shop.order()
    intent = shop.pay(order).body["payment_intent_id"]
    shop.client().v1.refunds.create({"payment_intent": intent})
    shop.set(order, status="pending")

    answer = shop.pay(order)

    assert (answer.status, answer.body["title"]) == (409, "The payment was refunded")
    assert (shop.status(order), shop.charges()) == ("pending", 1)
    shop.database.execute("delete from public.payments where order_id = %s", [order])
    assert shop.pay(order).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 2)


def should_pay_an_order_of_which_only_a_part_was_refunded(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    shop.proxy.on(CONFIRM, after(shop.disconnect))
    assert shop.pay(order, key=key).status == 503
    shop.reconnect()
    shop.client().v1.refunds.create({"payment_intent": shop.payment(order)[3], "amount": 100})

    assert shop.pay(order, key=key).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_log_that_an_order_was_paid_twice(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    order = shop.order()
    shop.proxy.on(CONFIRM, after(shop.disconnect))
    assert shop.pay(order).status == 503
    shop.reconnect()
    shop.set(order, status="paid")
    assert shop.pay(order).status == 200
    assert "an order that was paid otherwise is charged" in capsys.readouterr().out


def should_not_charge_an_order_that_expires_before_the_charge(shop: Shop) -> None:
    order = shop.order()
    shop.proxy.on(CREATE, after(lambda: shop.set(order, status="expired")))
    answer = shop.pay(order)
    assert (answer.status, answer.body["order_status"]) == (409, "expired")
    assert (shop.status(order), shop.charges()) == ("expired", 0)


def should_pay_an_order_that_expired_while_it_was_charged(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    shop.proxy.on(CONFIRM, after(shop.disconnect))
    assert shop.pay(order, key=key).status == 503
    shop.reconnect()
    shop.set(order, status="expired")
    assert shop.pay(order, key=key).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_ask_the_user_to_authenticate_and_then_finish(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    first, again = (shop.pay(order, key=key, card=AUTHENTICATED) for _ in range(2))
    assert (first.status, first.body["status"]) == (202, "requires_action")
    assert first.body["client_secret"].startswith(first.body["payment_intent_id"])
    assert (again.status, again.body) == (202, first.body)
    assert (shop.status(order), shop.charges()) == ("pending", 0)

    shop.authenticate(first.body["client_secret"])
    answer = shop.pay(order, key=key, card=AUTHENTICATED)

    assert (answer.status, answer.body["status"], answer.body["client_secret"]) == (200, "succeeded", None)
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_say_that_the_user_failed_to_authenticate(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    first = shop.pay(order, key=key, card=AUTHENTICATED)
    shop.authenticate(first.body["client_secret"], success=False)
    answer = shop.pay(order, key=key, card=AUTHENTICATED)
    assert (answer.status, answer.body["code"]) == (402, "payment_intent_authentication_failure")
    assert shop.pay(order).status == 200
    assert shop.charges() == 1


def should_let_another_card_be_tried_instead_of_authenticating(shop: Shop) -> None:
    order = shop.order()
    first = shop.pay(order, card=AUTHENTICATED)
    assert shop.pay(order).status == 200
    shop.authenticate(first.body["client_secret"])
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_not_ask_to_authenticate_the_card_of_another_request(shop: Shop) -> None:
    order, other = shop.order(), shop.instance()
    second_claimed, first_confirmed = Event(), Event()

    def first(forward: Any) -> Any:
        assert second_claimed.wait(BANK_SECONDS)
        reply = forward()
        first_confirmed.set()
        return reply

    def second(forward: Any) -> Any:
        second_claimed.set()
        assert first_confirmed.wait(BANK_SECONDS)
        return forward()

    shop.proxy.on(CONFIRM, first)
    shop.proxy.on(CONFIRM, second)
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(lambda by: shop.pay(order, card=AUTHENTICATED, instance=by), [shop.instances[0], other])
        )

    assert {answer.body["status"] for answer in answers} == {"requires_action"}
    assert answers[0].body["payment_intent_id"] != answers[1].body["payment_intent_id"]
    assert shop.charges() == 0


def should_notice_that_the_user_authenticates_while_another_card_is_tried(shop: Shop) -> None:
    order = shop.order()
    first = shop.pay(order, card=AUTHENTICATED)
    shop.proxy.on(CANCEL, before(lambda: shop.authenticate(first.body["client_secret"])))
    answer = shop.pay(order)
    assert (answer.status, answer.body["payment_intent_id"]) == (200, first.body["payment_intent_id"])
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_let_nobody_authenticate_for_an_expired_order(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    first = shop.pay(order, key=key, card=AUTHENTICATED)
    shop.set(order, status="expired")
    assert shop.pay(order, key=key, card=AUTHENTICATED).status == 409
    shop.authenticate(first.body["client_secret"])
    assert (shop.status(order), shop.charges()) == ("expired", 0)


def should_wait_for_a_bank_that_takes_its_time_and_then_refuses(shop: Shop) -> None:
    order, key, account = shop.order(), str(uuid4()), shop.refused_bank_account()
    answers = [shop.pay(order, key=key, card=account), shop.pay(order)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    assert (answers[0].body["status"], answers[0].body["client_secret"]) == ("processing", None)

    deadline = time.monotonic() + BANK_SECONDS
    while shop.intent(order).status == "processing":
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert shop.pay(order, key=key, card=account).status == 402
    assert (shop.status(order), shop.charges()) == ("pending", 0)
    assert shop.pay(order).status == 200
