"""Money is taken once, whatever fails: Stripe, Postgres, or the instance itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.shop.demo.vercel import Settings, VercelApp
from examples.shop.tests.edge import vercel_shop
from examples.shop.tests.edge.vercel_payments.payment import (
    BROKEN,
    KEPT_FAILURE,
    NOT_ALLOWED,
    OTHER_PARAMETERS,
    TOO_MANY,
    UNKNOWN,
    paid,
)
from examples.shop.tests.edge.vercel_shop import Served
from examples.shop.tests.payments.proxy import (
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
    from collections.abc import Callable

    from examples.shop.tests.edge.vercel_shop import Shop

pytestmark = pytest.mark.xdist_group("vercel_payments")
FAIL_WHEN_PAID = """
create function public.fail() returns trigger language plpgsql as
$$ begin raise exception 'the disk is on fire'; end $$;
create trigger fail before update of status on public.orders for each row
when (new.status = 'paid') execute function public.fail()
"""
MEND = "drop function public.fail() cascade"


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


def should_say_that_stripe_is_out_of_reach(shop: Shop) -> None:
    with Served({**shop.environment, "STRIPE_API_BASE": "http://127.0.0.1:1"}) as served:
        answer = shop.pay(served, shop.order())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"].startswith("Stripe is out of reach")
