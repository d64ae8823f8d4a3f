"""Messages as the database writes them."""

from __future__ import annotations

import json
from typing import Any

MESSAGE_ID = "01936b2e-7c00-7000-8000-000000000001"
TRANSACTION = {"id": "7341", "actor": None, "role": "authenticated"}
TIMESTAMP = "2026-11-23T15:00:00.123456Z"


def event(record: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    return {
        "id": f"{MESSAGE_ID}:0",
        "operation": "INSERT",
        "schema": "public",
        "table": "orders",
        "record": record,
        "old_record": None,
    } | members


def message(*events: dict[str, Any], **members: Any) -> str:
    return json.dumps(
        {"type": "order.created", "timestamp": TIMESTAMP, "transaction": TRANSACTION, "data": list(events)}
        | members,
        ensure_ascii=False,
    )


def queued(record: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    """The queue message of one event."""
    return {"type": "order.created", "timestamp": TIMESTAMP, "transaction": TRANSACTION} | event(
        record, **members
    )


def records(*events: dict[str, Any] | str) -> dict[str, Any]:
    """What Lambda hands a worker: a batch of SQS records with these bodies."""
    return {
        "Records": [
            {
                "messageId": f"record-{index}",
                "receiptHandle": f"receipt-{index}",
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
                "body": event if isinstance(event, str) else json.dumps(event),
            }
            for index, event in enumerate(events)
        ]
    }
