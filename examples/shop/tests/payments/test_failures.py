"""Whatever fails between two steps, the same request or another one finishes the payment: one charge."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from examples.shop.tests.payments.proxy import (
    CONFIRM,
    CREATE,
    KEPT_FAILURE,
    RETRIEVE,
    Proxy,
    Reply,
    after,
    answering,
    before,
    lose_answer,
    lose_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.shop.tests.payments.shop import Shop

FAIL = """
create function public.fail() returns trigger language plpgsql as
$$ begin raise exception 'the disk is on fire'; end $$
"""
FAIL_WHEN_PAID = (
    FAIL + "; create trigger fail before update of status on public.orders for each row"
    " when (new.status = 'paid') execute function public.fail()"
)
FAIL_WHEN_CLAIMED = (
    FAIL + "; create trigger fail before update of payment_intent_id on public.payments for each row"
    " execute function public.fail()"
)
FAIL_WHEN_OPENED = (
    FAIL
    + "; create trigger fail before insert on public.payments for each row execute function public.fail()"
)
MEND = "drop function public.fail() cascade"
BROKEN = Reply(500, b'{"error": {"type": "api_error"}}', {"Stripe-Should-Retry": "false"})
LOCKED = Reply(
    429,
    b'{"error": {"type": "invalid_request_error", "code": "lock_timeout"}}',
    {"Stripe-Should-Retry": "true"},
)
IN_USE = Reply(409, b'{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}')
KEPT_STATE = Reply(
    400,
    b'{"error": {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}}',
    {"Idempotent-Replayed": "true"},
)
NOT_ALLOWED = Reply(403, b'{"error": {"type": "invalid_request_error"}}')
TOO_MANY = Reply(429, b'{"error": {"type": "invalid_request_error", "code": "rate_limit"}}')
TOO_SMALL = Reply(
    400, b'{"error": {"type": "invalid_request_error", "code": "amount_too_small", "param": "amount"}}'
)
UNKNOWN = Reply(404, b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}')
OTHER_PARAMETERS = Reply(400, b'{"error": {"type": "idempotency_error", "message": "other parameters"}}')


@pytest.fixture(params=["same key", "another key"])
def retry(shop: Shop, request: pytest.FixtureRequest) -> Callable[[int, str], None]:
    """Send the request again, and require that all is well then."""

    def send_again(order: int, key: str) -> None:
        answer = shop.pay(order, key=key if request.param == "same key" else str(uuid4()))
        assert (answer.status, answer.body["status"]) == (200, "succeeded")
        assert (shop.status(order), shop.payment(order)[0]) == ("paid", "succeeded")
        assert shop.charges() == 1

    return send_again


@pytest.mark.parametrize(
    ("when", "charges"),
    [
        (lambda proxy, down: proxy.on(CREATE, before(down)), 0),
        (lambda proxy, down: proxy.on(CREATE, after(down)), 0),
        (lambda proxy, down: proxy.on(CONFIRM, before(down)), 1),
        (lambda proxy, down: proxy.on(CONFIRM, after(down)), 1),
    ],
    ids=["before creating", "before claiming", "before confirming", "before settling"],
)
def should_finish_when_the_database_was_lost(
    shop: Shop,
    retry: Callable[[int, str], None],
    when: Callable[[Proxy, Callable[[], None]], None],
    charges: int,
) -> None:
    order, key = shop.order(), str(uuid4())
    when(shop.proxy, shop.disconnect)

    answer = shop.pay(order, key=key)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert (shop.charges(), shop.status(order)) == (charges, "pending")
    shop.reconnect()
    retry(order, key)


@pytest.mark.parametrize(
    ("failure", "charges"),
    [(FAIL_WHEN_OPENED, 0), (FAIL_WHEN_CLAIMED, 0), (FAIL_WHEN_PAID, 1)],
    ids=["opening", "claiming", "settling"],
)
def should_finish_when_a_transaction_failed(
    shop: Shop, retry: Callable[[int, str], None], failure: str, charges: int
) -> None:
    order, key = shop.order(), str(uuid4())
    shop.database.execute(failure)

    try:
        answer = shop.pay(order, key=key)
    finally:
        shop.database.execute(MEND)

    assert (answer.status, "fire" in answer.text) == (500, False)
    assert (shop.charges(), shop.status(order)) == (charges, "pending")
    retry(order, key)


@pytest.mark.parametrize("step", [CREATE, CONFIRM])
@pytest.mark.parametrize("loss", [lose_request, lose_answer])
def should_try_again_when_stripe_was_lost_for_a_moment(shop: Shop, step: str, loss: Any) -> None:
    order = shop.order()
    shop.proxy.on(step, loss)
    assert shop.pay(order).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)
    assert len(set(shop.proxy.keys(step))) == 1


@pytest.mark.parametrize("step", [CREATE, CONFIRM])
@pytest.mark.parametrize("loss", [lose_request, lose_answer])
def should_finish_when_stripe_was_lost(shop: Shop, step: str, loss: Any) -> None:
    order, key = shop.order(), str(uuid4())
    shop.proxy.on(step, loss, times=3)

    answer = shop.pay(order, key=key)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert shop.status(order) == "pending"
    assert shop.pay(order, key=key).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


def should_finish_when_stripe_was_lost_while_the_payment_was_looked_up(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    shop.proxy.on(CONFIRM, after(shop.disconnect))
    shop.pay(order, key=key)
    shop.reconnect()
    shop.proxy.on(RETRIEVE, lose_answer, times=3)
    assert shop.pay(order, key=key).status == 503
    assert shop.pay(order, key=key).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


@pytest.mark.parametrize("step", [CREATE, CONFIRM])
@pytest.mark.parametrize(
    "kept",
    [KEPT_FAILURE, KEPT_STATE, OTHER_PARAMETERS],
    ids=["failure", "state of then", "other parameters"],
)
def should_not_be_stuck_with_what_stripe_keeps_under_a_key(shop: Shop, step: str, kept: Reply) -> None:
    order = shop.order()
    shop.proxy.on(step, answering(kept), times=3 if kept.status == 500 else 1)
    assert shop.pay(order).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


@pytest.mark.parametrize("step", [CREATE, CONFIRM])
def should_ask_to_come_again_when_stripe_fails(shop: Shop, step: str) -> None:
    order = shop.order()
    shop.proxy.on(step, answering(BROKEN))
    answer = shop.pay(order)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert shop.pay(order).status == 200


@pytest.mark.parametrize("busy", [LOCKED, IN_USE], ids=["locked", "key in use"])
def should_say_that_another_request_is_under_way(shop: Shop, busy: Reply) -> None:
    order = shop.order()
    shop.proxy.on(CONFIRM, answering(busy), times=3)
    answer = shop.pay(order)
    assert (answer.status, answer.headers["retry-after"]) == (409, "1")
    assert shop.pay(order).status == 200


@pytest.mark.parametrize("refusal", [NOT_ALLOWED, TOO_MANY], ids=["restricted key", "rate limit"])
def should_ask_to_come_again_when_stripe_refuses_the_shop(shop: Shop, refusal: Reply) -> None:
    order = shop.order()
    shop.proxy.on(CREATE, answering(refusal))
    assert shop.pay(order).status == 503
    assert shop.pay(order).status == 200


def should_say_that_stripe_does_not_charge_so_little(shop: Shop) -> None:
    shop.proxy.on(CREATE, answering(TOO_SMALL))
    answer = shop.pay(shop.order("0.10"))
    assert (answer.status, answer.body["amount"]) == (409, "0.10")


def should_make_no_other_payment_intent_when_stripe_does_not_know_the_first(shop: Shop) -> None:
    order = shop.order()
    shop.pay(order, card="pm_card_visa_chargeDeclined")
    shop.proxy.on(RETRIEVE, answering(UNKNOWN))
    assert shop.pay(order).status == 500
    assert (shop.proxy.count(CREATE), shop.charges()) == (1, 0)


def should_answer_before_its_time_is_over(shop: Shop) -> None:
    order, key = shop.order(), str(uuid4())
    shop.proxy.on(CONFIRM, before(lambda: time.sleep(1.5)), times=3)
    began = time.monotonic()

    answer = shop.pay(order, key=key, remaining_ms=4_000)

    assert answer.status == 503
    assert time.monotonic() - began < 4
    time.sleep(1.5)
    assert shop.pay(order, key=key).status == 200
    assert (shop.status(order), shop.charges()) == ("paid", 1)


@pytest.mark.parametrize("remaining_ms", [3_000, 400])
def should_not_begin_when_no_time_is_left(shop: Shop, remaining_ms: int) -> None:
    assert shop.pay(shop.order(), remaining_ms=remaining_ms).status == 503
    assert not shop.proxy.seen


def should_take_a_rolled_key_from_the_secret(shop: Shop) -> None:
    shop.secret.put({"secret_key": "sk_test_old", "api_base": shop.proxy.url})
    assert shop.pay(shop.order()).status == 503
    shop.secret.put({"secret_key": shop.account.key, "api_base": shop.proxy.url})
    assert shop.pay(shop.order()).status == 200


def should_tell_nobody_the_key(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.secret.put({"secret_key": "sk_test_rolled", "api_base": shop.proxy.url})
    answer = shop.pay(shop.order())
    assert answer.status == 503
    assert "sk_test" not in answer.text + capsys.readouterr().out
    assert shop.proxy.count(CREATE) == 1
