"""An event that failed is received again soon, long before the queue's visibility time-out."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest

from bridge import retries
from tests.unit.aws import Queue

SLOW = {"VisibilityTimeout": "600"}


def receive(queue: Queue) -> list[dict[str, Any]]:
    """Receive as Lambda's mapping does."""
    messages = boto3.client("sqs").receive_message(
        QueueUrl=queue.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )
    return [
        {"receiptHandle": message["ReceiptHandle"], "attributes": message["Attributes"]}
        for message in messages.get("Messages", [])
    ]


@pytest.mark.parametrize(("receives", "seconds"), [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (1000, 900)])
def should_wait_longer_each_time(receives: int, seconds: int) -> None:
    assert retries.delay_seconds(receives) == seconds


@pytest.mark.parametrize(("receives", "seconds"), [(1, 60), (2, 900), (3, 900)])
def should_wait_a_minute_for_a_full_pooler_and_longer_while_it_lasts(receives: int, seconds: int) -> None:
    assert retries.full_pooler_delay_seconds(receives) == seconds


@pytest.mark.usefixtures("aws")
def should_be_received_again_after_its_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 1)
    queue = Queue.create(**SLOW)
    boto3.client("sqs").send_message(QueueUrl=queue.url, MessageBody="{}")

    received = receive(queue)
    failed_at = time.monotonic()

    retries.schedule(queue.url, received)

    again: list[dict[str, Any]] = []
    while not again and time.monotonic() < failed_at + 20:
        again = receive(queue)
    assert time.monotonic() - failed_at >= 1
    assert again[0]["attributes"]["ApproximateReceiveCount"] == "2"


@pytest.mark.usefixtures("aws")
def should_leave_the_rest_to_the_queue_when_sqs_refuses(caplog: pytest.LogCaptureFixture) -> None:
    record = {"receiptHandle": "none", "attributes": {"ApproximateReceiveCount": "1"}}

    retries.schedule(f"{Queue.create().url}-gone", [record])

    assert "visibility time-out stays" in caplog.text
