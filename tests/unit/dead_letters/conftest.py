"""Queues of the emulated SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from tests.unit.dead_letters.worker import Worker
from tools.cli import dead_letter_queues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one server here, which knows at once that nothing is there."""
    monkeypatch.setattr(dead_letter_queues, "WAIT_SECONDS", 0)


@pytest.fixture
def client(aws: None) -> Iterator[SQSClient]:  # noqa: ARG001
    made: SQSClient = boto3.client("sqs")
    yield made
    made.close()


@pytest.fixture
def worker(client: SQSClient) -> Worker:
    return Worker(client)


@pytest.fixture
def ordered(client: SQSClient) -> Worker:
    return Worker(client, ordered=True)
