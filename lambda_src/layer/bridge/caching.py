"""Conditional requests, RFC 9110: the validator of an answer, and whether the client has it already."""

import hashlib
import re

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def strong_etag(body: bytes) -> str:
    """Return the entity tag of these bytes, in its quotes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def has_already(if_none_match: str, etag: str) -> bool:
    """Compare an If-None-Match header, weakly as the standard says for it.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
    """
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
