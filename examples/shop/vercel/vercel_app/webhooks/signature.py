"""Signatures by Standard Webhooks 1.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vercel_app.errors import SettingsError, SignatureError

TOLERANCE_SECONDS = 300

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
# A header that was sent twice arrives as one, joined by a comma.
_SIGNATURE = re.compile(r"(?<![^ ,])v1,([A-Za-z0-9+/]{43}=)(?![^ ,])")
_SECRET_BYTES = range(24, 65)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver a message, verified.

    Attributes:
        message_id: its "webhook-id".
        timestamp: its "webhook-timestamp", in seconds since 1970.
    """

    message_id: str
    timestamp: int
    _key: bytes = field(repr=False)

    def receipt(self) -> str:
        """Sign that this attempt was accepted: only who has the signing secret can say so.

        The body of a request is a JSON object, which "accepted" is not: no receipt can be replayed as the
        signature of a request, and no signature of a request counts as a receipt.
        """
        signature = _signature(self._key, self.message_id, self.timestamp, b"accepted")
        return f"v1,{base64.b64encode(signature).decode()}"


def verify(body: bytes, headers: Mapping[str, str], secrets: Iterable[str], now: float) -> Attempt:
    """Verify that a message was signed with one of the secrets, at most five minutes ago or ahead.

    Args:
        body: the request's body, unchanged.
        headers: the request's headers, names in lower case, the values of a repeated one joined by commas.
        secrets: base64 of 24 to 64 bytes each, with or without "whsec_".
        now: in seconds since 1970.

    Returns:
        The attempt, whose receipt is by the secret that verified it.

    Raises:
        SignatureError: the signature is missing, malformed, stale or not by any of the secrets.
        SettingsError: a secret can't be one.
    """
    keys = [_key(secret) for secret in secrets]
    message_id = headers.get("webhook-id", "")
    header = headers.get("webhook-timestamp", "")
    signatures = _signatures(headers.get("webhook-signature", ""))
    if not _MESSAGE_ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(header) or not _is_text(body):
        raise _refused()
    timestamp = int(header)
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise _refused()
    for key in keys:
        # Once for each secret, however many signatures a request brings along.
        expected = _signature(key, message_id, timestamp, body)
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return Attempt(message_id, timestamp, key)
    raise _refused()


def _signature(key: bytes, message_id: str, timestamp: int, content: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode() + content, hashlib.sha256)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise SettingsError("WEBHOOK_SIGNING_SECRET must be base64 of 24 to 64 bytes")
    return key


def _signatures(header: str) -> list[bytes]:
    decoded = [(text, _decoded(text)) for text in _SIGNATURE.findall(header)]
    # The last character of a base64 text has bits that decoding drops: several texts mean the same bytes.
    return [signature for text, signature in decoded if base64.b64encode(signature).decode() == text]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refused() -> SignatureError:
    return SignatureError("the request is not signed with the signing secret")
