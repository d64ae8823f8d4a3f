"""The demo's AWS side: requests to the API, the dead-letter queue, the worker's log."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
from standardwebhooks.webhooks import Webhook

STALE = timedelta(minutes=10)


@dataclass(frozen=True)
class Cloud:
    """The deployed stacks.

    Attributes:
        endpoint: of the local AWS.
        region: of the stage.
        stack: the bridge stack's name.
        outputs: of the bridge stack.
        started_at: when the demo began.
    """

    endpoint: str
    region: str
    stack: str
    outputs: dict[str, str]
    started_at: datetime

    def post(
        self, webhook: str, message_id: str, body: str, *, secret: str, at: datetime | None = None
    ) -> int:
        """Posts a signed message as the database would; returns the status."""
        sent_at = at or datetime.now(tz=UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, sent_at, body),
        }
        url = f"{self.outputs['WebhookUrl']}/webhooks/{webhook}"
        response = httpx.post(url, content=body.encode(), headers=headers, timeout=30, trust_env=False)
        return response.status_code

    def signing_secret(self, stage: str) -> str:
        """The secret in force, as its owner reads it."""
        entry = self._session.client("secretsmanager", endpoint_url=self.endpoint).get_secret_value(
            SecretId=f"external-compute/{stage}/webhook-signing"
        )
        secret: str = json.loads(entry["SecretString"])["current"]
        return secret

    def dead_letters(self) -> list[dict[str, Any]]:
        """The events in the worker's dead-letter queue, left there."""
        queue = f"{self.outputs['QueueAddress']}external-compute-local-process_order-dead-letter"
        sqs = self._session.client("sqs", endpoint_url=self.endpoint)
        found: dict[str, dict[str, Any]] = {}
        while messages := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
        ).get("Messages", []):
            fresh = {m["MessageId"]: json.loads(m["Body"]) for m in messages if m["MessageId"] not in found}
            if not fresh:
                break
            found |= fresh
        return list(found.values())

    def wait_for_dead_letters(self, earlier: set[str], *, seconds: float) -> list[dict[str, Any]]:
        """Waits until there is a dead letter besides the earlier ones (by event id); returns the new ones."""
        deadline = time.monotonic() + seconds
        while True:
            found = [letter for letter in self.dead_letters() if letter["id"] not in earlier]
            if found or time.monotonic() > deadline:
                return found
            time.sleep(2.5)

    def duplicates(self) -> int:
        """Events that the worker had already processed and dropped, by its log."""
        logs = self._session.client("logs", endpoint_url=self.endpoint)
        groups = [
            group["logGroupName"]
            for page in logs.get_paginator("describe_log_groups").paginate()
            for group in page["logGroups"]
            if self.stack in group["logGroupName"] and "ProcessOrder" in group["logGroupName"]
        ]
        return sum(
            1
            for group in groups
            for page in logs.get_paginator("filter_log_events").paginate(
                logGroupName=group,
                filterPattern='"duplicate skipped"',
                startTime=int(self.started_at.timestamp() * 1000),
            )
            for event in page["events"]
            if '"duplicate skipped"' in event["message"]
        )

    @property
    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the local AWS checks none
            region_name=self.region,
        )
