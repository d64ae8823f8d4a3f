"""An event as the input of an execution: its own text, or thin where that is too long."""

import json
from typing import Any

from bridge import json_text
from bridge.errors import MalformedMessageError
from bridge.events import Event

# What goes from one state to the next may have 262,144 bytes, and states add their results to it:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_BYTES = 229_376
_KEPT = ("type", "timestamp", "transaction", "id", "operation", "schema", "table")


def execution_input(event: Event, body: str) -> str:
    """Return the input of an event's execution.

    The database sends at most 200 kB, so only another sender's events are ever too long. They become thin: of
    their rows, which may have any key, "id" alone is left.

    Args:
        event: what body says.
        body: the event's queue message.

    Returns:
        body; or if it is too long, the event with "truncated": true.

    Raises:
        MalformedMessageError: it is too long even so.
    """
    if len(body.encode()) <= MAX_BYTES:
        return body
    members = json_text.decode(body)
    thin = {name: members[name] for name in _KEPT} | {
        "record": _key(event.record),
        "old_record": _key(event.old_record),
        "truncated": True,
    }
    text = json.dumps(thin, default=str)
    if len(text) > MAX_BYTES:
        raise MalformedMessageError(f"an event of {len(body.encode())} bytes can't be an execution's input")
    return text


def _key(row: dict[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"id": row["id"]} if "id" in row else {}
