"""POST /api/webhook/{webhook} on Vercel: which messages are taken, and what is said of the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge import signing
from examples.shop.tests.edge.vercel_shop import Message, Served
from tests.databases import SECRET, TARGET_SECRET
from vercel_app.webhooks import receiving

if TYPE_CHECKING:
    from examples.shop.tests.edge.vercel_webhooks.environment import Environment

pytestmark = pytest.mark.xdist_group("vercel_webhooks")


def should_answer_a_ping_without_a_database(served: Served, environment: Environment) -> None:
    environment.set("DATABASE_URL", "")
    message = Message([], webhook="bridge.ping")

    answer = served.deliver(message)

    assert (answer.status_code, answer.json()) == (202, message.accepted(answer.request.headers))


@pytest.mark.parametrize("secret", [SECRET, TARGET_SECRET])
def should_know_two_secrets_while_they_rotate(served: Served, environment: Environment, secret: str) -> None:
    environment.set("WEBHOOK_SIGNING_SECRET", f"whsec_{TARGET_SECRET} {SECRET}")
    message = Message([], webhook="bridge.ping")

    headers = message.signed(secret)
    answer = served.client.post(message.path, content=message.body, headers=headers)

    assert (answer.status_code, answer.json()) == (202, message.accepted(headers, secret))


def should_take_no_receipt_for_a_request(served: Served) -> None:
    message = Message([], webhook="bridge.ping")
    signed = message.signed()
    receipt = message.accepted(signed)["receipt"]

    answer = served.client.post(
        message.path, content="accepted", headers=signed | {"webhook-signature": receipt}
    )

    assert answer.status_code == 400


def should_say_which_variable_is_not_set(served: Served, environment: Environment) -> None:
    environment.set("WEBHOOK_SIGNING_SECRET", "")
    answer = served.deliver(Message.of({"id": 1}))
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "the environment variable WEBHOOK_SIGNING_SECRET is not set"},
    )


def should_refuse_in_an_order_that_tells_strangers_nothing(served: Served) -> None:
    unknown = Message([], webhook="order.unknown")
    large = b"x" * (receiving.MAX_BYTES + 1)
    other = Message.of({"id": 1})

    def post(path: str, content: Any, headers: dict[str, str] | None = None) -> int:
        return served.client.post(path, content=content, headers=headers).status_code

    assert post(unknown.path, large) == 413
    assert post(unknown.path, iter([large])) == 413
    assert post(unknown.path, unknown.body) == 401
    assert post(other.path, other.body) == 401
    malformed = Message([], webhook="bridge.ping")
    headers = signing.sign("{", malformed.id, [SECRET])
    assert post(unknown.path, "{", headers) == 404
    assert post(other.path, "{", headers) == 400
    # Signed for another webhook.
    assert post(other.path, unknown.body, unknown.signed()) == 400


def should_allow_nothing_but_post(served: Served) -> None:
    answer = served.client.get("/api/webhook/order.created")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "method not allowed"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"transaction": None}, '"transaction" must be an object'),
        ({"transaction": {"id": "1", "role": "x"}}, '"actor" is missing'),
        ({"timestamp": "yesterday"}, '"timestamp" must be a date and time with its time zone'),
        ({"timestamp": "2026-11-23T15:00:00"}, '"timestamp" must be a date and time with its time zone'),
        ({"data": {}}, '"data" must be an array'),
        ({"data": [1]}, "event 0: it must be an object"),
        ({"data": [{}]}, '"id" is missing'),
        ({"data": [{"id": "1:0", "operation": "TRUNCATE"}]}, '"operation" must be "INSERT" or'),
    ],
)
def should_say_what_is_wrong_with_a_message(served: Served, change: dict[str, Any], told: str) -> None:
    message = Message.of({"id": 1})
    body = json.dumps(json.loads(message.body) | change)

    answer = served.client.post(message.path, content=body, headers=signing.sign(body, message.id, [SECRET]))

    assert answer.status_code == 400
    assert told in answer.json()["error"]


@pytest.mark.parametrize(
    "body", ["[" * 100_000, "NaN", '{"type": "bridge.ping", "x": 1e99999999999999999999}']
)
def should_refuse_what_is_no_message(served: Served, body: str) -> None:
    signed = signing.sign(body, "id", [SECRET])
    answer = served.client.post("/api/webhook/bridge.ping", content=body, headers=signed)
    assert (answer.status_code, answer.json()["error"][:17]) == (400, "malformed message")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "s3cret", "DATABASE_URL must be of the form"),
        ("DATABASE_TLS", "prefer", "DATABASE_TLS must be one of: disable, require, verify-ca, verify-full"),
        ("DATABASE_TLS", "verify-ca", '"verify-ca" needs DATABASE_CA_CERTIFICATE'),
        ("DATABASE_CA_CERTIFICATE", "s3cret", "DATABASE_CA_CERTIFICATE must be PEM text"),
    ],
)
def should_say_what_is_wrong_with_a_variable(
    served: Served, environment: Environment, name: str, value: str, told: str
) -> None:
    environment.set("DATABASE_TLS", "verify-full")
    environment.set(name, value)

    answer = served.deliver(Message.of({"id": 1}))

    assert answer.status_code == 503
    assert told in answer.json()["error"]
    assert "s3cret" not in answer.text
