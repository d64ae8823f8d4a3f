"""Events of one row reach a FIFO queue in their order, however the queue takes them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import boto3
import pytest

from bridge import queues
from redeliver.delivery import Delivery, Message
from redeliver.enqueueing import enqueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Refuse = Callable[[dict[str, Any]], bool]


@pytest.fixture
def queue_url(aws: None) -> Iterator[str]:  # noqa: ARG001
    client = boto3.client("sqs")
    url = client.create_queue(QueueName=f"test-{uuid4()}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    yield url
    client.delete_queue(QueueUrl=url)


def message(number: int, *rows: int) -> Message:
    """The n-th message, with an event for each row."""
    identity = UUID(int=number)
    data = [
        {"id": f"{identity}:{index}", "schema": "public", "table": "orders", "key": {"id": row}}
        for index, row in enumerate(rows)
    ]
    body = {"type": "order.changed", "timestamp": "2026-01-01T00:00:00Z", "transaction": {}, "data": data}
    return Message(identity, "order.changed", "worker", json.dumps(body), 0)


def deliver(queue_url: str, *messages: Message) -> Delivery:
    with ThreadPoolExecutor(8) as executor:
        return enqueue(messages, {"worker": queue_url}, executor)


def received(queue_url: str) -> list[tuple[int, str]]:
    """Rows and events, as a worker gets them one by one."""
    client = boto3.client("sqs")
    found = []
    while messages := client.receive_message(QueueUrl=queue_url).get("Messages"):
        [each] = messages
        event = json.loads(each["Body"])
        found.append((event["key"]["id"], event["id"]))
        client.delete_message(QueueUrl=queue_url, ReceiptHandle=each["ReceiptHandle"])
    return found


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Refuse], None]:
    """Let SQS fail entries of a batch, as its answer may say."""
    client = queues.client()
    send = client.send_message_batch

    def install(refuse: Refuse) -> None:
        def send_some(*, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            taken: Any = [entry for entry in Entries if not refuse(json.loads(entry["MessageBody"]))]
            answer: Any = send(QueueUrl=QueueUrl, Entries=taken) if taken else {"Successful": []}
            failed = [entry for entry in Entries if entry not in taken]
            refused: dict[str, Any] = answer | {
                "Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in failed]
            }
            return refused

        monkeypatch.setattr(client, "send_message_batch", send_some)

    return install


def should_keep_the_order_of_each_row(queue_url: str) -> None:
    messages = [message(number, 1, number % 3, 7) for number in range(1, 9)]

    delivery = deliver(queue_url, *messages)

    assert delivery.delivered == messages
    assert delivery.events == 24
    events = received(queue_url)
    assert len(events) == 24
    for row in {row for row, _ in events}:
        mine = [event for each, event in events if each == row]
        assert mine == sorted(mine)


def should_not_let_an_event_overtake_one_of_its_row_that_failed(
    queue_url: str, refusing: Callable[[Refuse], None]
) -> None:
    first, second, third = message(1, 1, 2), message(2, 1), message(3, 3)
    refusing(lambda event: event["key"]["id"] == 1)

    delivery = deliver(queue_url, first, second, third)

    assert [failed for failed, _ in delivery.failed] == [first]
    assert delivery.failed[0][1].error == "1 of 2 events could not be enqueued: InternalError"
    # It has not failed, so it loses no attempt.
    assert delivery.released == [second]
    assert delivery.delivered == [third]
    assert {row for row, _ in received(queue_url)} == {2, 3}


def should_take_what_is_sent_again_at_once(queue_url: str) -> None:
    deliver(queue_url, message(1, 1))
    deliver(queue_url, message(1, 1))

    assert len(received(queue_url)) == 2


def should_enqueue_events_that_name_no_row(queue_url: str) -> None:
    data = [{"id": f"a:{index}", "schema": "public", "table": "orders"} for index in range(2)]
    written_before = json.dumps(json.loads(message(1, 1).body) | {"data": data})

    delivery = deliver(queue_url, message(1, 1)._replace(body=written_before))

    assert delivery.events == 2
