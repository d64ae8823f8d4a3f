"""Paying for an order, whatever fails meanwhile: charged once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import stripe

if TYPE_CHECKING:
    import httpx

    from tests.end_to_end.deployment import Deployment

CARD = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclined"
FAIL = """
create function public.fail() returns trigger language plpgsql as
$$ begin raise exception 'the disk is on fire'; end $$;
create trigger fail before update of status on public.orders for each row
when (new.status = 'paid') execute function public.fail()
"""
MEND = "drop trigger fail on public.orders; drop function public.fail()"


@pytest.fixture
def user() -> str:
    return str(uuid4())


def pay(
    deployment: Deployment, order: int, user: str, *, card: str = CARD, key: str | None = None
) -> httpx.Response:
    return deployment.call(
        "POST",
        f"/orders/{order}/payment",
        token=deployment.system.token(user),
        json={"payment_method": card},
        headers={"idempotency-key": key or str(uuid4())},
    )


def charged(deployment: Deployment, order: int) -> int:
    """How often Stripe has charged for an order."""
    system = deployment.system
    client = stripe.StripeClient(system.stripe_key, base_addresses={"api": system.stripe_url})
    intents = client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
    return sum(
        1
        for intent in intents
        if intent.metadata.to_dict().get("order_id") == str(order) and intent.status == "succeeded"
    )


def should_charge_once_and_mark_the_order_paid(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    deployment.wait_until_processed([order])
    first = pay(deployment, order, user)
    assert first.status_code in {200, 201}, first.text
    assert deployment.status_of(order) == "paid"

    again = pay(deployment, order, user)

    assert again.json() == first.json()
    assert charged(deployment, order) == 1


def should_charge_once_when_asked_at_the_same_time(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: pay(deployment, order, user), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409, 503}
    assert pay(deployment, order, user).status_code in {200, 201}
    assert charged(deployment, order) == 1


def should_finish_a_charge_that_the_database_did_not_learn_of(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    deployment.connection.execute(FAIL)
    try:
        assert pay(deployment, order, user).status_code >= 500
    finally:
        deployment.connection.execute(MEND)
    assert (charged(deployment, order), deployment.status_of(order)) != (1, "paid")

    assert pay(deployment, order, user).status_code in {200, 201}

    assert deployment.status_of(order) == "paid"
    assert charged(deployment, order) == 1


def should_let_another_card_be_tried(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    assert pay(deployment, order, user, card=DECLINED).status_code == 402
    assert pay(deployment, order, user).status_code in {200, 201}
    assert charged(deployment, order) == 1


def should_not_know_the_order_of_somebody_else(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(str(uuid4()))
    answer = pay(deployment, order, user)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert charged(deployment, order) == 0


@pytest.mark.parametrize("body", ["{", "{}", '{"payment_method": 1}'])
def should_refuse_a_payment_that_is_none(deployment: Deployment, user: str, body: str) -> None:
    answer = deployment.call(
        "POST",
        f"/orders/{deployment.order_of(user)}/payment",
        token=deployment.system.token(user),
        content=body,
        headers={"idempotency-key": str(uuid4()), "content-type": "application/json"},
    )
    assert answer.status_code in {400, 422}
