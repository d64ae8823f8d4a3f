"""Cursors: where the next page begins, as an opaque text of a length that its key has."""

import base64
from uuid import UUID

# Every text of these forms is a cursor: none can be malformed and pass, none can hold anything but a key.
UUID_PATTERN = "^[A-Za-z0-9_-]{22}$"
INT64_PATTERN = "^[A-Za-z0-9_-]{11}$"


def of_uuid(key: UUID) -> str:
    """Return the cursor after the row with this key."""
    return _text(key.bytes)


def to_uuid(cursor: str) -> UUID:
    """Return the key of a cursor of UUID_PATTERN."""
    return UUID(bytes=_bytes(cursor))


def of_int64(key: int) -> str:
    """Return the cursor after the row with this key."""
    return _text(key.to_bytes(8, signed=True))


def to_int64(cursor: str) -> int:
    """Return the key of a cursor of INT64_PATTERN."""
    return int.from_bytes(_bytes(cursor), signed=True)


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def _bytes(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
