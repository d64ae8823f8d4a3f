"""A payment: whether it was made once, and what Stripe may answer instead of making it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.shop.tests.payments.proxy import Reply

if TYPE_CHECKING:
    import httpx

    from examples.shop.tests.edge.vercel_shop import Shop

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
