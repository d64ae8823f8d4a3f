"""Signatures by Standard Webhooks 1.0: https://github.com/standard-webhooks/standard-webhooks.

The library does the cryptography and the tolerance of five minutes in both directions. What it lets through
or trips over is settled before it is called: it knows one secret, rounds fractional timestamps before it
checks them, skips characters that are not base64, and fails with ValueError on a malformed header.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

from bridge.errors import SecretError, SignatureError

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
# API Gateway joins a header that was sent twice with a comma.
_SIGNATURE = re.compile(r"(?<![^ ,])v1,([A-Za-z0-9+/]{43}=)(?![^ ,])")
_SECRET_BYTES = range(24, 65)


class Attempt:
    """One attempt to deliver a message, verified.

    Attributes:
        message_id: its "webhook-id".
        sent_at: its "webhook-timestamp".
    """

    # Not a dataclass, which takes most of a millisecond to make, at each cold start of the receiver.
    __slots__ = ("_key", "message_id", "sent_at")

    def __init__(self, message_id: str, sent_at: datetime, key: Webhook) -> None:
        self.message_id = message_id
        self.sent_at = sent_at
        self._key = key

    def receipt(self, target: str | None = None) -> str:
        """Sign that this attempt was accepted: only who has the signing secret can say so.

        The body of a request is a JSON object, which "accepted…" is not: no receipt can be replayed as the
        signature of a request, and no signature of a request counts as a receipt.

        Args:
            target: the queue that has the message's events; None: the receiver has taken the message.
        """
        accepted = "accepted" if target is None else f"accepted {target}"
        return self._key.sign(self.message_id, self.sent_at, accepted)


def verify(body: str | bytes, headers: Mapping[str, str], secrets: Iterable[str]) -> Attempt:
    """Verify that a request was signed with one of the secrets, at most five minutes ago or ahead.

    Args:
        body: the request's body, unchanged.
        headers: the request's headers, in any case.
        secrets: signing secrets, base64 with or without "whsec_": the current one, and the previous one while
            it rotates.

    Returns:
        The attempt, whose receipts are by the secret that verified it.

    Raises:
        SignatureError: the signature is missing, malformed, stale or not by any of the secrets.
        SecretError: a secret is not base64 of 24 to 64 bytes.
    """
    keys = [_webhook(secret) for secret in secrets]
    try:
        text = body if isinstance(body, str) else body.decode()
        signed = _signed_headers(headers)
        for key in keys:
            if _accepts(key, text, signed):
                return Attempt(signed["webhook-id"], _time(signed["webhook-timestamp"]), key)
    except (ValueError, WebhookVerificationError):
        raise SignatureError("the request is not signed with the signing secret") from None
    raise SignatureError("the request is not signed with the signing secret")


def sign(body: str, message_id: str, secrets: Iterable[str], at: datetime | None = None) -> dict[str, str]:
    """Sign a message.

    Args:
        body: what will be sent, unchanged.
        message_id: the "webhook-id".
        secrets: signing secrets, one signature each: the current one, and the previous one while it rotates.
        at: the time of the attempt; now, if left out.

    Returns:
        The headers to send with it.

    Raises:
        SecretError: a secret is not base64 of 24 to 64 bytes.
    """
    now = (at or datetime.now(UTC)).astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(_webhook(secret).sign(message_id, now, body) for secret in secrets),
    }


def _webhook(secret: str) -> Webhook:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise SecretError("a signing secret must be base64 of 24 to 64 bytes")
    return Webhook(key)


def _signed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick the three headers, in the one spelling that each value has.

    Raises:
        SignatureError: one is missing or not as the standard spells it.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    message_id = by_name.get("webhook-id", "")
    timestamp = by_name.get("webhook-timestamp", "")
    signatures = [
        each for each in _SIGNATURE.findall(by_name.get("webhook-signature", "")) if _canonical(each)
    ]
    if not (_MESSAGE_ID.fullmatch(message_id) and _TIMESTAMP.fullmatch(timestamp) and signatures):
        raise SignatureError("a webhook-id, webhook-timestamp or webhook-signature is missing or malformed")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def _time(timestamp: str) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)


def _canonical(signature: str) -> bool:
    # The last character of a base64 text has bits that decoding drops: several texts mean the same bytes.
    try:
        return base64.b64encode(base64.b64decode(signature)).decode() == signature
    except binascii.Error:
        return False


def _accepts(key: Webhook, body: str, headers: dict[str, str]) -> bool:
    try:
        key.verify(body, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True
