"""The Lambda function and the Vercel function charge for the same orders: the money is taken once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import stripe

from examples.shop.tests.edge import vercel_shop
from examples.shop.tests.edge.vercel_shop import ADA, Served
from examples.shop.tests.payments.proxy import CONFIRM, CREATE, lose_answer
from examples.shop.tests.payments.shop import AUTHENTICATED, Instance, pay
from tests.unit.aws import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.shop.tests.edge.vercel_shop import Shop
    from tests.databases import Database
    from tests.servers import Server

pytestmark = pytest.mark.xdist_group("vercel_payments_beside_lambda")

DECLINED = "pm_card_visa_chargeDeclined"


@pytest.fixture(scope="module")
def shop(server: Server, bridge_template: str) -> Iterator[Shop]:
    with vercel_shop.opened(server, bridge_template) as shop:
        yield shop


@pytest.fixture(scope="module")
def served(shop: Shop) -> Iterator[Served]:
    with Served(shop.environment) as served:
        yield served


@pytest.fixture(scope="module")
def database(shop: Shop) -> Database:
    """That of the Lambda function too."""
    return shop.database


@pytest.fixture
def on_lambda(
    shop: Shop,
    function_environment: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Instance]:
    secret = Secret.create_unique({"secret_key": shop.stripe.key, "api_base": shop.proxy.url}, "stripe")
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.02)
    monkeypatch.setenv("STRIPE_SECRET_ID", secret.id)
    # Powertools keeps a logger, and the standard output of its time, for each name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"payments_{uuid4().hex}")
    instance = Instance()
    yield instance
    instance.close()


def paid_once(shop: Shop, served: Served, on_lambda: Instance, order: int) -> bool:
    """Whether one payment was made, and both say the same of it."""
    here, there = shop.pay(served, order), pay(on_lambda, order, user=ADA)
    assert (here.status_code, there.status) == (200, 200)
    assert here.json()["payment_intent_id"] == there.body["payment_intent_id"]
    return (len(shop.charged(order)), shop.status(order)) == (1, "paid")


def should_charge_once_when_both_are_asked_at_once(shop: Shop, served: Served, on_lambda: Instance) -> None:
    order = shop.order()

    with ThreadPoolExecutor(4) as executor:
        there = executor.submit(pay, on_lambda, order, user=ADA)
        here = [executor.submit(shop.pay, served, order) for _ in range(3)]

    assert there.result().status in {200, 409}
    assert {each.result().status_code for each in here} <= {200, 409}
    assert paid_once(shop, served, on_lambda, order)


def should_go_on_with_what_the_other_has_created(shop: Shop, served: Served, on_lambda: Instance) -> None:
    ours, theirs = shop.order(), shop.order()
    shop.proxy.on(CREATE, lose_answer, times=3)
    assert shop.pay(served, ours).status_code == 503
    shop.proxy.on(CREATE, lose_answer, times=3)
    assert pay(on_lambda, theirs, user=ADA).status == 503

    assert pay(on_lambda, ours, user=ADA).status == 200
    assert shop.pay(served, theirs).status_code == 200

    # With the same parameters under the same key: otherwise Stripe would have made a second one.
    assert [len(shop.intents(order)) for order in (ours, theirs)] == [1, 1]
    assert all(paid_once(shop, served, on_lambda, order) for order in (ours, theirs))


def should_take_another_card_where_the_other_was_declined(
    shop: Shop, served: Served, on_lambda: Instance
) -> None:
    ours, theirs = shop.order(), shop.order()
    assert shop.pay(served, ours, card=DECLINED).status_code == 402
    assert pay(on_lambda, theirs, card=DECLINED, user=ADA).status == 402

    assert pay(on_lambda, ours, user=ADA).status == 200
    assert shop.pay(served, theirs).status_code == 200

    assert [len(shop.intents(order)) for order in (ours, theirs)] == [1, 1]
    assert all(paid_once(shop, served, on_lambda, order) for order in (ours, theirs))


def should_record_what_the_other_has_charged(shop: Shop, served: Served, on_lambda: Instance) -> None:
    order = shop.order()
    shop.proxy.on(CONFIRM, lose_answer, times=3)
    assert pay(on_lambda, order, user=ADA).status == 503
    assert (shop.status(order), len(shop.charged(order))) == ("pending", 1)

    assert shop.pay(served, order).status_code == 200

    assert paid_once(shop, served, on_lambda, order)


def should_charge_another_card_while_the_user_is_asked_to_authenticate(
    shop: Shop, served: Served, on_lambda: Instance
) -> None:
    order, key = shop.order(), str(uuid4())
    waiting = pay(on_lambda, order, card=AUTHENTICATED, key=key, user=ADA)
    assert (waiting.status, waiting.body["status"]) == (202, "requires_action")

    assert shop.pay(served, order).status_code == 200

    assert pay(on_lambda, order, card=AUTHENTICATED, key=key, user=ADA).body["status"] == "succeeded"
    assert sorted(intent.status for intent in shop.intents(order)) == ["canceled", "succeeded"]
    assert paid_once(shop, served, on_lambda, order)
