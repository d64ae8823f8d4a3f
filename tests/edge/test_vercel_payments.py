"""POST /api/process-payment on Vercel: money is taken once, whatever happens."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe

from local.vercel import Settings, VercelApp
from tests.edge import vercel_shop
from tests.edge.vercel_shop import BOB, CARD, Served
from tests.unit.payments.proxy import (
    CONFIRM,
    CREATE,
    RETRIEVE,
    Reply,
    after,
    answering,
    before,
    lose_answer,
    lose_request,
)
from vercel_app.payments.intents import _Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.postgres import Server
    from tests.edge.vercel_shop import Shop

pytestmark = pytest.mark.xdist_group("vercel_payments")

AUTHENTICATED = "pm_card_authenticationRequired"
BROKEN = Reply(500, b'{"error": {"type": "api_error"}}', {"Stripe-Should-Retry": "false"})
TOO_MANY = Reply(429, b'{"error": {"type": "invalid_request_error", "code": "rate_limit"}}')
NOT_ALLOWED = Reply(403, b'{"error": {"type": "invalid_request_error", "message": "sk_test_1"}}')
LOCKED = Reply(429, b'{"error": {"type": "invalid_request_error", "code": "lock_timeout"}}')
OTHER_PARAMETERS = Reply(400, b'{"error": {"type": "idempotency_error", "message": "other parameters"}}')
KEPT_FAILURE = Reply(500, b'{"error": {"type": "api_error"}}', {"Idempotent-Replayed": "true"})
TOO_SMALL = Reply(
    400, b'{"error": {"type": "invalid_request_error", "code": "amount_too_small", "param": "amount"}}'
)
UNKNOWN = Reply(404, b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}')
FAIL_WHEN_PAID = """
create function public.fail() returns trigger language plpgsql as
$$ begin raise exception 'the disk is on fire'; end $$;
create trigger fail before update of status on public.orders for each row
when (new.status = 'paid') execute function public.fail()
"""
MEND = "drop function public.fail() cascade"


@pytest.fixture(scope="module")
def shop(server: Server, bridge_template: str) -> Iterator[Shop]:
    with vercel_shop.opened(server, bridge_template) as shop:
        # What a test takes away, the functions shall miss at once, not the pooler.
        shop.environment["DATABASE_URL"] = shop.edge_url
        yield shop


@pytest.fixture(scope="module")
def served(shop: Shop) -> Iterator[Served]:
    with Served(shop.environment) as served:
        yield served


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    # Between attempts; half a second would be spent waiting in most tests.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.02)


def paid(shop: Shop, order: int, answer: httpx.Response) -> bool:
    """Whether the order is paid, was charged once, and the answer says so."""
    [status, amount, currency, intent] = shop.payment(order)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "order_id": order,
            "status": "paid",
            "amount": amount,
            "currency": currency,
            "payment_intent_id": intent,
        },
    )
    assert (shop.status(order), status, len(shop.charged(order))) == ("paid", "succeeded", 1)
    return True


def should_charge_once_however_often_it_is_asked(shop: Shop, served: Served) -> None:
    order = shop.order("19.98")

    answers = [shop.pay(served, order) for _ in range(3)]

    assert all(paid(shop, order, answer) for answer in answers)
    assert shop.payment(order)[1:3] == ["19.98", "eur"]
    assert shop.charged(order) == [1998]
    assert answers[0].headers["cache-control"] == "no-store"


def should_charge_once_when_it_is_asked_several_times_at_once(shop: Shop, served: Served) -> None:
    order = shop.order()

    with ThreadPoolExecutor(6) as executor:
        answers = list(executor.map(lambda _: shop.pay(served, order), range(6)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert paid(shop, order, shop.pay(served, order))


@pytest.mark.parametrize(
    ("total", "currency", "units"), [("500", "jpy", 500), ("1.5", "bhd", 1500), ("9.99", "EUR", 999)]
)
def should_charge_in_the_currency_of_the_order(
    shop: Shop, served: Served, total: str, currency: str, units: int
) -> None:
    order = shop.order(total, currency)
    assert paid(shop, order, shop.pay(served, order))
    assert shop.charged(order) == [units]


@pytest.mark.parametrize("step", [CREATE, CONFIRM])
@pytest.mark.parametrize("loss", [lose_request, lose_answer])
def should_charge_once_when_stripe_is_lost(shop: Shop, served: Served, step: str, loss: Any) -> None:
    lost, found = shop.order(), shop.order()
    shop.proxy.on(step, loss, times=3)
    answer = shop.pay(served, lost)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert paid(shop, lost, shop.pay(served, lost))

    shop.proxy.on(step, loss)
    assert paid(shop, found, shop.pay(served, found))


def should_charge_once_when_stripe_is_slow(
    shop: Shop, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.order()
    monkeypatch.setattr(_Transport, "_timeout", httpx.Timeout(0.7))
    shop.proxy.on(CONFIRM, after(lambda: time.sleep(0.9)))

    answer = shop.pay(served, order)

    assert (answer.status_code, answer.headers["retry-after"]) == (504, "5")
    assert answer.json()["error"].startswith("Stripe did not answer in time")
    assert (shop.status(order), len(shop.charged(order))) == ("pending", 1)
    assert paid(shop, order, shop.pay(served, order))


def should_answer_before_its_time_is_over(
    shop: Shop, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.order()
    shop.proxy.on(CREATE, before(lambda: time.sleep(0.7)))
    with monkeypatch.context() as patch:
        patch.setattr("vercel_app.payments.endpoint.SECONDS", 5.5)
        assert shop.pay(served, order).status_code == 504
    assert paid(shop, order, shop.pay(served, order))


@pytest.mark.parametrize(
    ("step", "when", "charges"),
    [(CREATE, before, 0), (CREATE, after, 0), (CONFIRM, before, 1), (CONFIRM, after, 1)],
    ids=["before creating", "before claiming", "before confirming", "before settling"],
)
def should_charge_once_when_the_database_is_lost(
    shop: Shop, served: Served, step: str, when: Callable[[Any], Any], charges: int
) -> None:
    order = shop.order()
    shop.proxy.on(step, when(shop.disconnect))

    try:
        answer = shop.pay(served, order)
    finally:
        shop.reconnect()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (shop.status(order), len(shop.charged(order))) == ("pending", charges)
    assert paid(shop, order, shop.pay(served, order))


def should_charge_once_when_the_instance_is_killed_after_stripe_has_charged(shop: Shop) -> None:
    order = shop.order()
    names = {name: value for name, value in shop.environment.items() if name != "DATABASE_TLS"}
    settings = Settings(**{name.lower(): value for name, value in names.items()})
    app = VercelApp(settings, run_directory=shop.directory, log=shop.directory.path / "vercel.log")
    with app, httpx.Client(base_url=app.url, trust_env=False, timeout=30) as client:
        assert app.process is not None
        pid = app.process
        shop.proxy.on(CONFIRM, after(lambda: pid.stop(how=vercel_shop.KILL)))

        with pytest.raises(httpx.TransportError):
            shop.pay(client, order)
        assert (shop.status(order), len(shop.charged(order))) == ("pending", 1)
        app.stop()
        app.start()

        assert paid(shop, order, shop.pay(client, order))


def should_charge_once_when_a_transaction_fails(
    shop: Shop, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    order = shop.order()
    shop.database.execute(FAIL_WHEN_PAID)
    try:
        answer = shop.pay(served, order)
    finally:
        shop.database.execute(MEND)

    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    assert ("RaiseException" in caplog.text, "on fire" in caplog.text) == (True, False)
    assert paid(shop, order, shop.pay(served, order))


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


def should_charge_what_the_order_costs_now(shop: Shop, served: Served) -> None:
    order = shop.order("10")
    shop.pay(served, order, card="pm_card_visa_chargeDeclined")
    shop.database.execute("update public.orders set total = 12 where id = %s", [order])
    assert paid(shop, order, shop.pay(served, order))
    assert shop.charged(order) == [1200]
    assert sorted(intent.status for intent in shop.intents(order)) == ["canceled", "succeeded"]


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


@pytest.mark.parametrize(
    ("step", "reply", "status"),
    [
        (CREATE, BROKEN, 502),
        (RETRIEVE, BROKEN, 502),
        (CONFIRM, BROKEN, 502),
        (CREATE, TOO_MANY, 503),
        (CONFIRM, NOT_ALLOWED, 503),
    ],
)
def should_go_on_when_stripe_has_failed(  # noqa: PLR0913, PLR0917  # all that a test of it needs
    shop: Shop, served: Served, step: str, reply: Reply, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    order = shop.order()
    if step == RETRIEVE:
        shop.pay(served, order, card="pm_card_visa_chargeDeclined")
    shop.proxy.on(step, answering(reply))

    answer = shop.pay(served, order)

    assert (answer.status_code, "retry-after" in answer.headers) == (status, True)
    assert "sk_test" not in answer.text + caplog.text
    assert paid(shop, order, shop.pay(served, order))


@pytest.mark.parametrize("kept", [KEPT_FAILURE, OTHER_PARAMETERS], ids=["failure", "other parameters"])
def should_not_be_stuck_with_what_stripe_keeps_under_a_key(shop: Shop, served: Served, kept: Reply) -> None:
    order = shop.order()
    shop.proxy.on(CREATE, answering(kept), times=3 if kept.status == 500 else 1)
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


def should_say_that_postgres_is_slow(shop: Shop, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.order()
    lock = "select from public.orders where id = %s for update"

    with monkeypatch.context() as patch, shop.database.connect() as other, other.transaction():
        patch.setattr("vercel_app.database.STATEMENT_SECONDS", 0.2)
        other.execute(lock, [order])
        answer = shop.pay(served, order)

    assert (answer.status_code, answer.headers["retry-after"]) == (504, "5")
    assert answer.json() == {"error": "Postgres did not answer in time"}
    assert paid(shop, order, shop.pay(served, order))


def should_make_no_other_payment_intent_when_stripe_does_not_know_the_first(
    shop: Shop, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    order = shop.order()
    shop.pay(served, order, card="pm_card_visa_chargeDeclined")
    shop.proxy.on(RETRIEVE, answering(UNKNOWN))
    assert shop.pay(served, order).status_code == 500
    assert "code resource_missing" in caplog.text
    assert len(shop.intents(order)) == 1


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


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", '{"order_id": 1}', '{"order_id": "1", "payment_method": "pm_x"}',
     '{"order_id": true, "payment_method": "pm_x"}', '{"order_id": 0, "payment_method": "pm_x"}',
     '{"order_id": 9223372036854775808, "payment_method": "pm_x"}',
     '{"order_id": 1, "payment_method": "card"}', '{"order_id": 1, "payment_method": null}',
     '{"order_id": 1, "payment_method": "pm_x", "amount": 1}', "[" * 4000],
)  # fmt: skip
def should_refuse_what_is_no_payment(shop: Shop, served: Served, body: str) -> None:
    answer = served.client.post(
        "/api/process-payment", content=body, headers={"authorization": f"Bearer {shop.token()}"}
    )
    assert (answer.status_code, {*answer.json()}) == (400, {"error"})


def should_refuse_a_body_that_is_too_large(shop: Shop, served: Served) -> None:
    body = json.dumps({"order_id": 1, "payment_method": CARD, "x": "x" * 5_000})
    answer = served.client.post(
        "/api/process-payment", content=body, headers={"authorization": f"Bearer {shop.token()}"}
    )
    assert answer.status_code == 413


def should_allow_nothing_but_post(served: Served) -> None:
    answer = served.client.put("/api/process-payment")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("name", "status"),
    [("STRIPE_SECRET_KEY", 503), ("SUPABASE_URL", 503), ("DATABASE_URL", 503)],
)
def should_say_which_variable_is_not_set(shop: Shop, name: str, status: int) -> None:
    with Served({**shop.environment, name: ""}) as served:
        answer = shop.pay(served, shop.order())
    assert (answer.status_code, answer.json()["error"]) == (
        status,
        f"the environment variable {name} is not set",
    )


def should_say_that_stripe_is_out_of_reach(shop: Shop) -> None:
    with Served({**shop.environment, "STRIPE_API_BASE": "http://127.0.0.1:1"}) as served:
        answer = shop.pay(served, shop.order())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"].startswith("Stripe is out of reach")


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
