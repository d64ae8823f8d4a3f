"""What a proxy in front of SQS can do with its requests (the JSON protocol of the SDKs)."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tools.faults.proxies.http import Answer, Behaviour, Request, Send

# In place of the minutes that an event waits after an outage.
LONGEST_WAIT_SECONDS = 3
CHANGE, ENQUEUE = "ChangeMessageVisibilityBatch", "SendMessageBatch"


def operation(request: Request) -> str:
    """Return the API's operation, such as SendMessageBatch."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


def hurrying(request: Request, send: Send) -> Answer:
    """Forward, but let no event wait for minutes to be received again."""
    if operation(request) != CHANGE:
        return send(request)
    content = json.loads(request.body)
    for entry in content["Entries"]:
        entry["VisibilityTimeout"] = min(entry["VisibilityTimeout"], LONGEST_WAIT_SECONDS)
    return send(_with(request, content))


def half_a_batch(request: Request, send: Send) -> Answer:
    """Accept every other entry of a batch; the rest never gets into the queue."""
    content = json.loads(request.body)
    if operation(request) != ENQUEUE or len(content["Entries"]) == 1:
        return hurrying(request, send)
    refused = content["Entries"][1::2]
    answer = send(_with(request, {**content, "Entries": content["Entries"][::2]}))
    failed = [
        {"Id": entry["Id"], "Code": "InternalError", "SenderFault": False, "Message": "not accepted"}
        for entry in refused
    ]
    body = json.dumps({**json.loads(answer.body), "Failed": failed}).encode()
    return replace(answer, body=body)


def enqueueing_late(seconds: float) -> Behaviour:
    """Forward a batch only after some seconds: whoever sends it holds its messages for as long."""

    def wait(request: Request, send: Send) -> Answer:
        if operation(request) == ENQUEUE:
            time.sleep(seconds)
        return hurrying(request, send)

    return wait


def after_enqueueing(do: Callable[[], object], *, every: float) -> Behaviour:
    """Let a batch get into the queue, do something, and break off without an answer; each so many seconds."""
    done_at = 0.0

    def act(request: Request, send: Send) -> Answer | None:
        nonlocal done_at
        answer = hurrying(request, send)
        if operation(request) != ENQUEUE or time.monotonic() < done_at + every:
            return answer
        done_at = time.monotonic()
        do()
        return None

    return act


def _with(request: Request, content: dict[str, Any]) -> Request:
    return replace(request, body=json.dumps(content).encode())
