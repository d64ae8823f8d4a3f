"""Paying for an order, whatever fails meanwhile: charged once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import schemathesis
import stripe

from tests.end_to_end.deployment import OPENAPI, PROBLEM

if TYPE_CHECKING:
    import httpx

    from tests.end_to_end.deployment import Deployment

CARD = "pm_card_visa"
AUTHENTICATED = "pm_card_authenticationRequired"
DECLINED = "pm_card_visa_chargeDeclined"
OPERATION = schemathesis.openapi.from_path(OPENAPI)["/orders/{id}/payment"]["POST"]
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
    """Pay, with another key each time if none is given; the answer is one that the document knows."""
    answer = deployment.call(
        "POST",
        f"/orders/{order}/payment",
        token=deployment.system.token(user),
        json={"payment_method": card},
        headers={"idempotency-key": key or str(uuid4())},
    )
    OPERATION.validate_response(answer)
    return answer


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
    order, key = deployment.order_of(user), str(uuid4())
    deployment.wait_until_processed([order])
    first = pay(deployment, order, user, key=key)
    assert first.status_code == 200, first.text
    assert deployment.status_of(order) == "paid"

    for again in (pay(deployment, order, user, key=key), pay(deployment, order, user)):
        assert (again.status_code, again.json()) == (200, first.json())
    assert charged(deployment, order) == 1


@pytest.mark.parametrize("keys", ["one key", "a key each"])
def should_charge_once_when_asked_at_the_same_time(deployment: Deployment, user: str, keys: str) -> None:
    order, key = deployment.order_of(user), str(uuid4()) if keys == "one key" else None
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: pay(deployment, order, user, key=key), range(4)))
    statuses = {answer.status_code for answer in answers}
    assert 200 in statuses
    assert statuses <= {200, 409}
    assert pay(deployment, order, user).status_code == 200
    assert charged(deployment, order) == 1


def should_finish_a_charge_that_the_database_did_not_learn_of(deployment: Deployment, user: str) -> None:
    order, key = deployment.order_of(user), str(uuid4())
    deployment.wait_until_processed([order])
    deployment.connection.execute(FAIL)
    try:
        assert pay(deployment, order, user, key=key).status_code == 500
    finally:
        deployment.connection.execute(MEND)
    assert (charged(deployment, order), deployment.status_of(order)) == (1, "processed")

    assert pay(deployment, order, user, key=key).status_code == 200

    assert deployment.status_of(order) == "paid"
    assert charged(deployment, order) == 1


def should_let_another_card_be_tried(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    declined = pay(deployment, order, user, card=DECLINED)
    assert (declined.status_code, declined.headers["content-type"]) == (402, PROBLEM)
    assert pay(deployment, order, user).status_code == 200
    assert charged(deployment, order) == 1


def should_hand_over_what_the_user_needs_to_authenticate(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    answer = pay(deployment, order, user, card=AUTHENTICATED)
    assert (answer.status_code, answer.json()["status"]) == (202, "requires_action")
    assert answer.json()["client_secret"]
    assert charged(deployment, order) == 0


def should_refuse_a_key_of_another_order_and_none_at_all(deployment: Deployment, user: str) -> None:
    orders, key = [deployment.order_of(user) for _ in range(2)], str(uuid4())
    assert pay(deployment, orders[0], user, key=key).status_code == 200
    assert pay(deployment, orders[1], user, key=key).status_code == 422
    without = deployment.call(
        "POST",
        f"/orders/{orders[1]}/payment",
        token=deployment.system.token(user),
        json={"payment_method": CARD},
    )
    assert (without.status_code, without.headers["content-type"]) == (422, PROBLEM)
    assert charged(deployment, orders[1]) == 0


def should_not_know_the_order_of_somebody_else(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(str(uuid4()))
    answer = pay(deployment, order, user)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert charged(deployment, order) == 0


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("{}", 422), ('{"payment_method": 1}', 422)])
def should_refuse_a_payment_that_is_none(deployment: Deployment, user: str, body: str, status: int) -> None:
    answer = deployment.call(
        "POST",
        f"/orders/{deployment.order_of(user)}/payment",
        token=deployment.system.token(user),
        content=body,
        headers={"idempotency-key": str(uuid4()), "content-type": "application/json"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
