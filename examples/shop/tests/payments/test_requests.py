"""Requests that are none: refused before anything is asked of Postgres or Stripe, which aren't there."""

from __future__ import annotations

from uuid import uuid4

import pytest

from examples.shop.tests.payments.shop import Instance, pay


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"payments_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    return Instance()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"payment_method": 1},
        {"payment_method": ["pm_card_visa"]},
        {"payment_method": "tok_visa"},
        {"payment_method": "pm_card_visa\n"},
        {"payment_method": "pm_../../refunds"},
        {"payment_method": "pm_\0"},
        {"payment_method": f"pm_{'a' * 253}"},
        {"payment_method": "pm_card_visa", "amount": 1},
        {"payment_method": "pm_card_visa", "order_id": 2},
        [],
        [{"payment_method": "pm_card_visa"}],
        "null",
    ],
)
def should_refuse_a_body_that_is_no_payment(instance: Instance, body: object) -> None:
    answer = pay(instance, 1, body=body)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("key", [None, "", "a" * 256, "a b", "\u00fc"])
def should_require_an_idempotency_key(instance: Instance, key: str | None) -> None:
    answer = pay(instance, 1, headers={} if key is None else {"Idempotency-Key": key})
    assert answer.status == 422
    assert [(error["in"], error["field"]) for error in answer.body["errors"]] == [
        ("header", "idempotency-key")
    ]


@pytest.mark.parametrize(("order", "status"), [("0", 422), ("-1", 422), ("x", 422), (str(2**63), 422)])
def should_refuse_an_id_that_is_none(instance: Instance, order: str, status: int) -> None:
    assert pay(instance, order).status == status
