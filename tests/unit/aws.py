"""What tests do with queues, secrets and Lambda's own arguments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3


@dataclass(frozen=True)
class Queue:
    """An SQS queue of one test."""

    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def address(self) -> str:
        """What the URLs of all queues begin with."""
        return self.url.removesuffix(self.name)

    @classmethod
    def create(cls, **attributes: str) -> Queue:
        given: Any = attributes
        return cls(
            boto3.client("sqs").create_queue(QueueName=f"test-{uuid4()}", Attributes=given)["QueueUrl"]
        )

    def bodies(self) -> list[str]:
        """Receive and delete every message."""
        client = boto3.client("sqs")
        found: list[str] = []
        while messages := client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def delete(self) -> None:
        boto3.client("sqs").delete_queue(QueueUrl=self.url)


@dataclass(frozen=True)
class Secret:
    """A Secrets Manager entry of one test."""

    id: str

    @classmethod
    def create(cls, name: str, fields: dict[str, str] | None = None) -> Secret:
        secret = cls(name)
        boto3.client("secretsmanager").create_secret(Name=name)
        if fields is not None:
            secret.put(fields)
        return secret

    @classmethod
    def create_unique(cls, fields: dict[str, str], entry: str = "database") -> Secret:
        return cls.create(f"external-compute/test/{entry}-{uuid4()}", fields)

    def put(self, fields: Any) -> None:
        self.put_text(json.dumps(fields))

    def put_text(self, text: str) -> None:
        boto3.client("secretsmanager").put_secret_value(SecretId=self.id, SecretString=text)


@dataclass
class Context:
    """Lambda's context, as far as functions use it."""

    remaining_ms: int = 60_000
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms
