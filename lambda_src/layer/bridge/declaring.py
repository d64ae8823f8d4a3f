"""What a route may answer, for its `responses`: the OpenAPI document is made of these.

What any route may answer (400, 401, 403, 413, 415, 422, 429, 500, 503) need not be declared.
"""

from collections.abc import Mapping
from typing import Any

from bridge.problems import MEDIA_TYPE

_HEADERS = {
    "Location": "where the new resource is",
    "ETag": "of these very bytes, for If-None-Match",
    "Cache-Control": "for how long the caller may use it without asking",
    "Vary": "Authorization: no one else may use it",
}


def problems(declared: Mapping[int, str]) -> dict[int, Any]:
    """Declare problems: the status, and when it happens."""
    return {
        status: {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, description in declared.items()
    }


def headers(*names: str) -> dict[str, Any]:
    """Declare headers of an answer."""
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}


def cached_responses(description: str) -> dict[int, Any]:
    """Declare what a route answers that returns `cached`."""
    declared = headers("ETag", "Cache-Control", "Vary")
    return {
        200: {"description": description, "headers": declared},
        304: {"description": "What the client has already is current", "headers": declared, "content": {}},
    }
