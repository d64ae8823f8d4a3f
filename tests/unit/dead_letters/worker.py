"""A worker's queues, and the events that it could not process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tools.cli.dead_letter_queues import DeadLetters, WorkerQueues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

    from tools.cli.letters import Letter


def event(number: int, webhook: str = "order.created") -> str:
    return json.dumps(
        {
            "type": webhook,
            "timestamp": f"2026-11-23T15:{number // 60:02}:{number % 60:02}Z",
            "transaction": {"id": "1", "actor": None, "role": "postgres"},
            "id": f"message:{number}",
            "record": {"id": number, "email": "ada@example.com"},
        }
    )


def ids(letters: list[str]) -> list[str]:
    return [json.loads(body)["id"] for body in letters]


def moved(batches: Iterator[list[Letter]]) -> list[str | None]:
    return [letter.event_id for batch in batches for letter in batch]


class Worker:
    """The two queues of one test, as the bridge stack makes them."""

    def __init__(self, client: SQSClient, *, name: str = "", ordered: bool = False) -> None:
        self.client = client
        name, suffix = name or f"test-{uuid4()}", ".fifo" if ordered else ""
        self._attributes: Any = {"FifoQueue": "true"} if ordered else {}
        self.events = self._make(name + suffix)
        self.dead_letters = self._make(f"{name}-dead-letter{suffix}")
        self.queues = WorkerQueues("process_order", self.events, self.dead_letters)

    def _make(self, name: str) -> str:
        return self.client.create_queue(QueueName=name, Attributes=self._attributes)["QueueUrl"]

    def delete(self) -> None:
        for url in (self.events, self.dead_letters):
            self.client.delete_queue(QueueUrl=url)

    @property
    def letters(self) -> DeadLetters:
        return DeadLetters(self.client, self.queues)

    def die(self, *bodies: str, group: str | None = None) -> None:
        """Put what a worker could not process where it goes."""
        for body in bodies:
            fifo: Any = {"MessageGroupId": group, "MessageDeduplicationId": str(uuid4())} if group else {}
            self.client.send_message(QueueUrl=self.dead_letters, MessageBody=body, **fifo)

    def received(self, url: str) -> list[str]:
        """Every body that can be received at once, deleted as it comes."""
        found: list[str] = []
        while messages := self.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found
