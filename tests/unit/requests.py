"""Requests as API Gateway's HTTP API hands them to a function, payload format 2.0."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.unit.aws import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.api import Handler

SUBJECT = "00000000-0000-4000-8000-000000000001"


def authorizer(
    role: str = "authenticated", subject: str = SUBJECT, *, expires_in: float = 3600, **claims: Any
) -> dict[str, str]:
    """What the authorizer hands to the function."""
    everything = {"role": role, "sub": subject, "aud": "authenticated", **claims}
    return {
        "role": role,
        "subject": subject,
        "claims": json.dumps(everything),
        "expires_at": str(int(time.time() + expires_in)),
    }


def request(  # noqa: PLR0913  # what a request consists of
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    caller: Mapping[str, str] | None = None,
    token: str = "token",
    path_parameters: Mapping[str, str] | None = None,
    route: str = "",
) -> dict[str, Any]:
    """Make an event; a body that is bytes or text is sent as it is, anything else as JSON."""
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    context: dict[str, Any] = {
        "requestId": "request-1",
        "stage": "$default",
        "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
    }
    if caller is not None:
        context["authorizer"] = {"lambda": dict(caller)}
        sent.setdefault("authorization", f"Bearer {token}")
    event = {
        "version": "2.0",
        "routeKey": route or f"{method} {path}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "queryStringParameters": {name: str(value) for name, value in (query or {}).items()},
        "pathParameters": dict(path_parameters or {}),
        "headers": sent,
        "requestContext": context,
        "isBase64Encoded": isinstance(body, bytes),
    }
    if isinstance(body, bytes):
        event["body"] = base64.b64encode(body).decode()
    elif body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        sent.setdefault("content-type", "application/json")
    return event


@dataclass(frozen=True)
class Answer:
    """What the function answered."""

    status: int
    headers: dict[str, str]
    text: str
    body: Any = field(default=None)


def send(handler: Handler, event: dict[str, Any], *, remaining_ms: int = 30_000) -> Answer:
    """Call the function as Lambda would."""
    context: Any = Context(remaining_ms=remaining_ms)
    answer = handler(event, context)
    text = answer["body"]
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    body = json.loads(text) if "json" in headers.get("content-type", "") else None
    return Answer(answer["statusCode"], headers, text, body)
