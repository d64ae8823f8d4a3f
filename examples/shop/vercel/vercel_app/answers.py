"""Answers: JSON, and kept by nobody unless its headers allow it."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}


def answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON object."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, {**_HEADERS, **(headers or {})})


def problem(status: int, message: str, headers: Mapping[str, str] | None = None, **members: str) -> Response:
    """Answer with an error."""
    return answer(status, {"error": message, **members}, headers)
