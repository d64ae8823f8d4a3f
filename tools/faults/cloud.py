"""The AWS side of the system: functions with their processes, queues, secrets, logs."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tools.local.aws import CREDENTIALS, REGION

# One attempt: an invocation that is sent twice would be two.
CONFIG = Config(read_timeout=90, retries={"total_max_attempts": 1})
DUPLICATE = "duplicate skipped"


class Cloud:
    """What is deployed on the local AWS.

    Args:
        endpoint: of the local AWS.
        process: the emulator's process id, whose children the functions' instances are.
    """

    def __init__(self, endpoint: str, process: int) -> None:
        self._session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._endpoint = endpoint
        self._process = process
        self._functions = self._client("lambda")
        self._queues = self._client("sqs")
        self._secrets = self._client("secretsmanager")
        self._logs = self._client("logs")

    # Functions

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a function answers; with `errorMessage` where it failed."""
        answer = self._functions.invoke(FunctionName=function, Payload=json.dumps(event))
        found: dict[str, Any] = json.load(answer["Payload"])
        return found

    def function_of(self, queue: str) -> str:
        """Return the function behind a queue, named by its address."""
        name = queue.rpartition("/")[2]
        mappings = self._functions.list_event_source_mappings()["EventSourceMappings"]
        [arn] = [m["FunctionArn"] for m in mappings if m["EventSourceArn"].endswith(f":{name}")]
        return str(arn).rpartition(":")[2]

    def queue_of(self, function: str) -> str:
        """Return the address of the queue in front of a function."""
        mappings = self._functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        [arn] = [mapping["EventSourceArn"] for mapping in mappings]
        return str(self._queues.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])

    @contextlib.contextmanager
    def at_most(self, instances: int, function: str) -> Iterator[None]:
        """Let no more instances of a function run at a time within the block."""
        self._functions.put_function_concurrency(
            FunctionName=function, ReservedConcurrentExecutions=instances
        )
        try:
            yield
        finally:
            self._functions.delete_function_concurrency(FunctionName=function)

    def variables(self, function: str) -> dict[str, str]:
        """Return a function's environment."""
        found = self._functions.get_function_configuration(FunctionName=function)
        return dict(found.get("Environment", {}).get("Variables", {}))

    def set_variables(self, function: str, variables: Mapping[str, str]) -> None:
        """Replace a function's environment; its instances are new ones from then on."""
        self._functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": dict(variables)}
        )
        self._functions.get_waiter("function_updated_v2").wait(
            FunctionName=function, WaiterConfig={"Delay": 0.2, "MaxAttempts": 100}
        )

    def kill(self, function: str) -> int:
        """Kill a function's instances with SIGKILL, as a lack of memory does; return how many."""
        killed = 0
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                named = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
                if named in (folder / "environ").read_bytes().split(b"\0") and self._is_mine(folder.name):
                    os.kill(int(folder.name), signal.SIGKILL)
                    killed += 1
        return killed

    def _is_mine(self, process: str) -> bool:
        # Each part of the local system is started in a session of its own.
        return os.getsid(int(process)) == self._process

    # Queues

    def waiting(self, queue: str) -> int:
        """Return how many messages a queue holds, those under way included."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        found = self._queues.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    @contextlib.contextmanager
    def attributes(self, queue: str, **changed: str) -> Iterator[None]:
        """Change a queue's attributes within the block."""
        present = self._queues.get_queue_attributes(QueueUrl=queue, AttributeNames=list(changed))[
            "Attributes"
        ]
        self._queues.set_queue_attributes(QueueUrl=queue, Attributes=changed)
        try:
            yield
        finally:
            self._queues.set_queue_attributes(
                QueueUrl=queue, Attributes={name: present[name] for name in changed}
            )

    def redrive_policy(self, queue: str, attempts: int) -> str:
        """Return a queue's redrive policy with so many attempts."""
        found = self._queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
        return json.dumps({**json.loads(found["Attributes"]["RedrivePolicy"]), "maxReceiveCount": attempts})

    def peek(self, queue: str) -> list[dict[str, Any]]:
        """Return the events in a dead-letter queue, left there."""
        batches = list(iter(lambda: self._receive(queue), []))
        for batch in batches:
            # At once: whoever looks next is to find them.
            self._queues.change_message_visibility_batch(
                QueueUrl=queue,
                Entries=[
                    {"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0}
                    for m in batch
                ],
            )
        return [json.loads(message["Body"]) for batch in batches for message in batch]

    def _receive(self, queue: str) -> list[dict[str, Any]]:
        answer = self._queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=30)
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def purge(self, queue: str) -> None:
        """Empty a queue."""
        self._queues.purge_queue(QueueUrl=queue)

    # Secrets and logs

    def secret(self, name: str) -> dict[str, str]:
        """Return the members of an entry."""
        found: dict[str, str] = json.loads(self._secrets.get_secret_value(SecretId=name)["SecretString"])
        return found

    def put_secret(self, name: str, members: Mapping[str, str]) -> None:
        """Write an entry, made if there is none."""
        text = json.dumps(dict(members))
        try:
            self._secrets.put_secret_value(SecretId=name, SecretString=text)
        except ClientError:
            self._secrets.create_secret(Name=name, SecretString=text)

    def delete_secret(self, name: str) -> None:
        """Remove an entry at once."""
        self._secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def duplicates(self, worker: str, since: datetime) -> list[str]:
        """Return the ids of the events that a worker has dropped since then: they had come before."""
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._log_group(worker),
            filterPattern=f'"{DUPLICATE}"',
            startTime=int(since.timestamp() * 1000),
        )
        texts = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(text)["event_id"] for text in texts if DUPLICATE in text]

    def _log_group(self, function: str) -> str:
        found = self._functions.get_function_configuration(FunctionName=function)
        return str(found["LoggingConfig"]["LogGroup"])

    def _client(self, service: Any) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint, config=CONFIG)
