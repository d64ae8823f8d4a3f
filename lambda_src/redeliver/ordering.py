"""Events into FIFO queues: those of one row in their order, each once the one before it is in the queue."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from uuid import uuid4

from bridge import json_text, queues

# AWS's own suffix: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/fifo-queue-message-identifiers.html
_SUFFIX = ".fifo"
WAITS = "an event of the same row before it could not be enqueued"


def is_ordered(queue_url: str) -> bool:
    """Tell whether a queue keeps the order of a group."""
    return queue_url.endswith(_SUFFIX)


def entry(queue_url: str, body: str) -> queues.Entry:
    """Make the entry of an event for a FIFO queue.

    Its group is its row, by schema, table and "key". Those without a key, which were written before their
    webhook was ordered, make a group for each table.

    Args:
        queue_url: the queue's.
        body: what `bridge.events.split` composed.
    """
    spans, _ = json_text.members(body, 0)
    row = "\0".join(body[slice(*spans[name])] for name in ("schema", "table", "key") if name in spans)
    # One that never repeats: SQS must not drop what is replayed within five minutes. Duplicates are known by
    # their event id.
    return queues.Entry(queue_url, body, hashlib.sha256(row.encode()).hexdigest(), str(uuid4()))


def enqueue(entries: Sequence[queues.Entry], executor: Executor) -> dict[int, str]:
    """Send entries, those of a group one after another, as they come; different groups side by side.

    Once one fails, those after it in its group are not sent.

    Returns:
        Of each entry that is not in its queue, its index and SQS's error code, or WAITS.
    """
    waiting: dict[tuple[str, str], list[int]] = {}
    for index, each in enumerate(entries):
        waiting.setdefault((each.queue_url, each.group), []).append(index)
    failed: dict[int, str] = {}
    while waiting:
        first = [indexes.pop(0) for indexes in waiting.values()]
        refused = queues.enqueue([entries[index] for index in first], executor)
        for position, code in refused.items():
            index = first[position]
            failed[index] = code
            blocked = waiting[entries[index].queue_url, entries[index].group]
            failed |= dict.fromkeys(blocked, WAITS)
            blocked.clear()
        waiting = {group: indexes for group, indexes in waiting.items() if indexes}
    return failed
