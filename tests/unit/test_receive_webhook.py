"""The receiver answers as the design lists, and a 202 means that every event is in its queue."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import time_machine
from standardwebhooks import Webhook

from bridge import secrets
from bridge.signing import sign
from tests.signatures import NOW, VERIFYING
from tests.unit.aws import Queue
from tests.unit.messages import MESSAGE_ID, event, message, queued

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.aws import Secret

    Answer = tuple[int, dict[str, Any]]

CURRENT, NEXT = "A" * 64, "B" * 64
UNKNOWN = "unknown.webhook"


@pytest.fixture
def environment(queue: Queue, signing_secret: Secret, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    webhooks = {"order.created": ["handle_order"], "bridge.ping": []}
    monkeypatch.setenv("WEBHOOK_SIGNING_SECRET_ID", signing_secret.id)
    monkeypatch.setenv("WEBHOOKS", json.dumps(webhooks))
    monkeypatch.setenv("QUEUES", json.dumps({"handle_order": queue.name}))
    monkeypatch.setenv("QUEUE_ADDRESS", queue.address)
    monkeypatch.setenv("ALLOWED_SOURCE_RANGES", "[]")
    return monkeypatch


@pytest.fixture
def post(environment: pytest.MonkeyPatch) -> Callable[..., Answer]:  # noqa: ARG001
    from receive_webhook import handler  # noqa: PLC0415  # makes its clients when it is imported

    handler.settings.cache_clear()

    def post(
        body: str | bytes,
        *,
        webhook: str = "order.created",
        headers: dict[str, str] | None = None,
        encoded: bool = False,
        source: str = "203.0.113.7",
    ) -> Answer:
        text = body if isinstance(body, str) else body.decode("latin-1")
        signed = sign(text, MESSAGE_ID, [CURRENT]) if headers is None else headers
        request = {
            "version": "2.0",
            "pathParameters": {"webhook": webhook},
            "headers": signed,
            "requestContext": {"http": {"sourceIp": source}},
            "body": base64.b64encode(text.encode()).decode() if encoded else text,
            "isBase64Encoded": encoded,
        }
        answer = handler.handler(request, None)
        return answer["statusCode"], json.loads(answer["body"])

    return post


def accepted(signed: dict[str, str], events: int, *targets: str, secret: str = CURRENT) -> Answer:
    """The answer to a request, with receipts as any Standard Webhooks library makes them."""
    at = datetime.fromtimestamp(int(signed["webhook-timestamp"]), UTC)

    def receipt(text: str) -> str:
        return Webhook(secret).sign(MESSAGE_ID, at, text)

    return 202, {
        "accepted": events,
        "webhook_id": MESSAGE_ID,
        "receipt": receipt("accepted"),
        "receipts": {target: receipt(f"accepted {target}") for target in targets},
    }


@pytest.mark.parametrize("encoded", [True, False])
def should_enqueue_one_message_for_each_event(
    post: Callable[..., Answer], queue: Queue, *, encoded: bool
) -> None:
    rows = [{"id": row, "note": "größe"} for row in range(25)]
    body = message(*(event(row) for row in rows))
    signed = sign(body, MESSAGE_ID, [CURRENT])

    assert post(body, headers=signed, encoded=encoded) == accepted(signed, 25, "handle_order")

    expected = [queued(row) for row in rows]
    assert (
        sorted((json.loads(body) for body in queue.bodies()), key=lambda body: body["record"]["id"])
        == expected
    )


def should_enqueue_a_message_as_large_as_may_be(post: Callable[..., Answer], queue: Queue) -> None:
    body = message(*(event({"note": "x" * 90_000}) for _ in range(11)))
    signed = sign(body, MESSAGE_ID, [CURRENT])

    assert post(body, headers=signed) == accepted(signed, 11, "handle_order")
    assert len(queue.bodies()) == 11


def should_verify_a_ping_and_enqueue_nothing(post: Callable[..., Answer], queue: Queue) -> None:
    body = message(type="bridge.ping")
    signed = sign(body, MESSAGE_ID, [CURRENT])

    assert post(body, webhook="bridge.ping", headers=signed) == accepted(signed, 0)
    assert queue.bodies() == []


def should_give_a_receipt_for_each_queue(
    post: Callable[..., Answer], queue: Queue, environment: pytest.MonkeyPatch
) -> None:
    other = Queue.create()
    environment.setenv("WEBHOOKS", json.dumps({"order.created": ["handle_order", "other"]}))
    environment.setenv("QUEUES", json.dumps({"handle_order": queue.name, "other": other.name}))
    signed = sign(message(event({})), MESSAGE_ID, [CURRENT], datetime.now(UTC) - timedelta(minutes=4))

    assert post(message(event({})), headers=signed) == accepted(signed, 1, "handle_order", "other")


@pytest.mark.parametrize("secret", [CURRENT, NEXT])
def should_give_a_receipt_by_the_secret_that_the_sender_has(
    post: Callable[..., Answer], signing_secret: Secret, secret: str
) -> None:
    signing_secret.put({"current": NEXT, "previous": CURRENT})
    signed = sign(message(), MESSAGE_ID, [secret])

    assert post(message(), headers=signed) == accepted(signed, 0, "handle_order", secret=secret)


@pytest.mark.parametrize(("text", "of_queues"), [("accepted", ""), ("accepted handle_order", "handle_order")])
def should_take_no_receipt_for_a_request(
    post: Callable[..., Answer], queue: Queue, text: str, of_queues: str
) -> None:
    signed = sign(message(event({})), MESSAGE_ID, [CURRENT])
    _, answer = post(message(event({})), headers=signed)
    receipt = answer["receipts"][of_queues] if of_queues else answer["receipt"]
    queue.bodies()

    status, answer = post(text, headers=signed | {"webhook-signature": receipt})

    assert (status, list(answer)) == (400, ["error"])
    assert queue.bodies() == []


@pytest.mark.usefixtures("environment")
def should_judge_signatures_as_everybody_does(signing_secret: Secret) -> None:
    from receive_webhook import handler  # noqa: PLC0415  # makes its clients when it is imported

    handler.settings.cache_clear()
    judged = {}
    for vector in VERIFYING:
        signing_secret.put(dict(zip(("current", "previous"), vector.secrets, strict=False)))
        secrets.forget()
        request = {
            "version": "2.0",
            "pathParameters": {"webhook": UNKNOWN},
            "headers": vector.headers,
            "requestContext": {"http": {"sourceIp": "203.0.113.7"}},
            "body": base64.b64encode(vector.body).decode(),
            "isBase64Encoded": True,
        }
        with time_machine.travel(NOW, tick=False):
            # Whoever could sign learns that there is no such webhook.
            judged[vector.name] = handler.handler(request, None)["statusCode"] == 404

    assert judged == {vector.name: vector.accepted for vector in VERIFYING}


def should_take_headers_in_any_case(post: Callable[..., Answer]) -> None:
    signed = {name.upper(): value for name, value in sign(message(), MESSAGE_ID, [CURRENT]).items()}

    assert post(message(), headers=signed)[0] == 202


@pytest.mark.parametrize("webhook", ["order.created", UNKNOWN])
@pytest.mark.parametrize("body", [message(), "no json", ""])
def should_tell_strangers_nothing_but_that_they_are(
    post: Callable[..., Answer], webhook: str, body: str
) -> None:
    status, answer = post(body, webhook=webhook, headers=sign(body, MESSAGE_ID, [NEXT]))

    assert (status, answer) == (401, {"error": "the request is not signed with the signing secret"})


def should_refuse_a_stale_message(post: Callable[..., Answer], queue: Queue) -> None:
    stale = sign(message(event({})), MESSAGE_ID, [CURRENT], datetime.now(UTC) - timedelta(minutes=6))

    assert post(message(event({})), headers=stale)[0] == 401
    assert queue.bodies() == []


def should_refuse_a_request_without_a_signature(post: Callable[..., Answer]) -> None:
    assert post(message(), headers={})[0] == 401


def should_name_a_webhook_that_is_not_deployed(post: Callable[..., Answer]) -> None:
    assert post(message(type=UNKNOWN), webhook=UNKNOWN) == (
        404,
        {"error": f'no webhook "{UNKNOWN}" is deployed'},
    )


def should_say_what_is_wrong_with_a_signed_message(post: Callable[..., Answer]) -> None:
    assert post("{}") == (400, {"error": 'malformed message: "type" is missing'})


def should_refuse_a_message_of_another_webhook(post: Callable[..., Answer], queue: Queue) -> None:
    body = message(event({}), type="bridge.ping")

    assert post(body) == (400, {"error": 'malformed message: "type" must be "order.created"'})
    assert queue.bodies() == []


@pytest.mark.parametrize("headers", [None, {}])
def should_refuse_a_body_larger_than_a_queue_message(
    post: Callable[..., Answer], headers: dict[str, str] | None
) -> None:
    body = message(event({"note": "x" * 2**20}))

    assert post(body, headers=headers) == (413, {"error": "the body may hold 1048576 bytes"})


@pytest.mark.parametrize(
    ("source", "status"), [("203.0.113.7", 202), ("203.0.114.1", 403), ("2001:db8::1", 202)]
)
def should_accept_allowed_addresses_only(
    post: Callable[..., Answer], environment: pytest.MonkeyPatch, source: str, status: int
) -> None:
    environment.setenv("ALLOWED_SOURCE_RANGES", '["203.0.113.0/24", "2001:db8::/32"]')

    assert post(message(), source=source)[0] == status


def should_ask_for_another_delivery_when_the_queue_takes_nothing(
    post: Callable[..., Answer], queue: Queue
) -> None:
    queue.delete()

    assert post(message(event({}), event({}))) == (503, {"error": "2 of 2 events could not be enqueued"})


def should_ask_for_another_delivery_when_the_queue_takes_a_part(
    post: Callable[..., Answer], environment: pytest.MonkeyPatch
) -> None:
    small = Queue.create(MaximumMessageSize="1024")
    environment.setenv("QUEUES", json.dumps({"handle_order": small.name}))

    status, answer = post(message(event({}), event({"note": "x" * 2000})))

    assert status == 503
    assert answer["error"].endswith("of 2 events could not be enqueued")


def should_accept_both_secrets_while_they_rotate(post: Callable[..., Answer], signing_secret: Secret) -> None:
    signing_secret.put({"current": NEXT, "previous": CURRENT})

    assert post(message(), headers=sign(message(), MESSAGE_ID, [NEXT]))[0] == 202
    assert post(message(), headers=sign(message(), MESSAGE_ID, [CURRENT]))[0] == 202


def should_notice_a_rotation_before_its_copy_expires(
    post: Callable[..., Answer], signing_secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(message())[0] == 202
    signing_secret.put({"current": NEXT, "previous": ""})
    monkeypatch.setattr("receive_webhook.receiving.MIN_REREAD_SECONDS", 0)

    assert post(message(), headers=sign(message(), MESSAGE_ID, [NEXT]))[0] == 202
    assert post(message(), headers=sign(message(), MESSAGE_ID, [CURRENT]))[0] == 401


def should_not_read_the_secret_again_for_every_forged_request(
    post: Callable[..., Answer], signing_secret: Secret
) -> None:
    assert post(message())[0] == 202
    signing_secret.put({"current": NEXT, "previous": ""})

    assert post(message(), headers=sign(message(), MESSAGE_ID, [NEXT]))[0] == 401
    assert post(message())[0] == 202


def should_be_unavailable_without_a_signing_secret(
    post: Callable[..., Answer], environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("WEBHOOK_SIGNING_SECRET_ID", f"external-compute/dev/webhook-signing-{uuid4()}")

    assert post(message()) == (503, {"error": "the signing secret cannot be read"})
    assert "cdk deploy external-compute-dev-secrets" in capsys.readouterr().out


def should_log_neither_body_nor_signature_nor_secret(
    post: Callable[..., Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    body = message(event({"note": "private"}))
    signed = sign(body, MESSAGE_ID, [CURRENT])

    _, answer = post(body, headers=signed)
    post(body, headers=signed | {"webhook-id": "forged"})

    answered, forged = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert answered | {"timestamp": ""} == {
        "level": "INFO",
        "message": "webhook answered",
        "timestamp": "",
        "status": 202,
        "webhook": "order.created",
        "message_id": MESSAGE_ID,
        "bytes": len(body),
        "accepted": 1,
        "webhook_id": MESSAGE_ID,
        "targets": ["handle_order"],
    }
    assert forged["status"] == 401
    receipts = (answer["receipt"], *answer["receipts"].values())
    for secret in ("private", CURRENT, signed["webhook-signature"], "forged", *receipts):
        assert secret not in json.dumps([answered, forged])


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("WEBHOOKS", "", "WEBHOOKS is not set"),
        ("QUEUE_ADDRESS", "", "QUEUE_ADDRESS is not set"),
        ("QUEUES", "[]", "QUEUES must be a JSON object, not '[]'"),
        ("QUEUES", "{}", 'target "handle_order" of webhook "order.created" is not in QUEUES'),
        ("ALLOWED_SOURCE_RANGES", "x", "ALLOWED_SOURCE_RANGES must be a JSON array, not 'x'"),
    ],
)
def should_name_a_setting_that_is_wrong(
    post: Callable[..., Answer], environment: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    from bridge.errors import SettingsError  # noqa: PLC0415

    environment.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        post(message())
    assert problem in str(raised.value)
