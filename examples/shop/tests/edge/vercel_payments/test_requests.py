"""What is no payment is refused, and a variable that is not set is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from examples.shop.tests.edge.vercel_shop import CARD, Served

if TYPE_CHECKING:
    from examples.shop.tests.edge.vercel_shop import Shop

pytestmark = pytest.mark.xdist_group("vercel_payments")


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
