"""Events into SQS: batches, side by side, each failure tried once more."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple

from bridge import aws

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MAX_BATCH_ENTRIES = 10
MAX_BATCH_BYTES = 1_048_576


class Entry(NamedTuple):
    """One event on its way to a queue.

    Attributes:
        queue_url: the queue's.
        body: what is sent.
        group: of a FIFO queue, whose entries of one group stay in their order; "" for another queue.
        deduplication_id: of a FIFO queue, which drops what comes with the same one within five minutes.
    """

    queue_url: str
    body: str
    group: str = ""
    deduplication_id: str = ""


class Batch(NamedTuple):
    """What goes in one request: a queue, and the indexes of the entries."""

    queue_url: str
    indexes: list[int]


def client() -> "SQSClient":
    """Make the client, once; a function that wants it made while it starts calls this at import."""
    made: SQSClient = aws.client("sqs")
    return made


def enqueue(entries: Sequence[Entry], executor: Executor) -> dict[int, str]:
    """Send entries in batches, several at a time; those that fail are sent a second time.

    Args:
        entries: what to send, each to its queue.
        executor: runs the batches side by side.

    Returns:
        Of each entry that is not in its queue, its index and SQS's error code. Empty: all are.
    """
    failed = _send_all(entries, range(len(entries)), executor)
    return _send_all(entries, failed, executor) if failed else failed


def _send_all(entries: Sequence[Entry], indexes: Iterable[int], executor: Executor) -> dict[int, str]:
    batches = list(pack(entries, indexes))
    send = functools.partial(_send, entries)
    run: Callable[..., Iterable[dict[int, str]]] = executor.map if len(batches) > 1 else map
    failed: dict[int, str] = {}
    for errors in run(send, batches):
        failed |= errors
    return failed


def pack(entries: Sequence[Entry], indexes: Iterable[int]) -> Iterator[Batch]:
    """Pack the entries at these indexes into batches within SQS's limits, each for one queue."""
    open_batches: dict[str, tuple[Batch, int]] = {}
    for index in indexes:
        queue_url = entries[index].queue_url
        size = len(entries[index].body.encode())
        batch, used = open_batches.get(queue_url, (Batch(queue_url, []), 0))
        if len(batch.indexes) == MAX_BATCH_ENTRIES or (batch.indexes and used + size > MAX_BATCH_BYTES):
            yield batch
            batch, used = Batch(queue_url, []), 0
        batch.indexes.append(index)
        open_batches[queue_url] = (batch, used + size)
    for batch, _ in open_batches.values():
        yield batch


def _send(entries: Sequence[Entry], batch: Batch) -> dict[int, str]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        answer = client().send_message_batch(
            QueueUrl=batch.queue_url,
            Entries=[_request_entry(index, entries[index]) for index in batch.indexes],
        )
    except ClientError as error:
        return dict.fromkeys(batch.indexes, str(error.response["Error"]["Code"]))
    except BotoCoreError as error:
        return dict.fromkeys(batch.indexes, type(error).__name__)
    return {int(failure["Id"]): failure["Code"] for failure in answer.get("Failed", [])}


def _request_entry(index: int, entry: Entry) -> "SendMessageBatchRequestEntryTypeDef":
    request: SendMessageBatchRequestEntryTypeDef = {"Id": str(index), "MessageBody": entry.body}
    if entry.group:
        request["MessageGroupId"] = entry.group
        request["MessageDeduplicationId"] = entry.deduplication_id
    return request
