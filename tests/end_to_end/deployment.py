"""What the tests do with the deployed bridge: what its users do."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import httpx
import psycopg
from standardwebhooks.webhooks import Webhook

from tests.end_to_end.declarations import BASE, SETTINGS
from tools.local import deploy
from tools.local.aws import CREDENTIALS, REGION
from tools.local.declaration import SHOP, write_declaration

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.local.system import System

ROOT = Path(__file__).parents[2]
SCHEMA = SHOP / "schema.sql"
OPENAPI = SHOP / "openapi.json"
PROBLEM = "application/problem+json"
REFUNDS = "create table public.refunds (id bigint generated always as identity primary key, total numeric)"
ITEMS = json.dumps([{"sku": "espresso", "quantity": 1, "price": 9.99}])
# Longer than a lease: a deployment may end a redelivery in the middle of what it has claimed.
PATIENCE_SECONDS = 180


class Deployment:
    """The deployed stacks and their database."""

    def __init__(self, system: System, *, config: Path) -> None:
        self.system = system
        self.outputs: dict[str, Any] = {}
        self.config = config
        self._deployed = ""
        self.connection = psycopg.connect(system.direct_url, autocommit=True)
        self.connection.execute(SCHEMA.read_bytes())
        self.connection.execute(REFUNDS)

    def close(self) -> None:
        self.connection.close()

    # With the CDK CLI

    def deploy(
        self, webhooks: str = BASE, *, once_filled: Callable[[], object] | None = None, **context: str
    ) -> None:
        """Deploy these webhooks; `DeployError` says why it failed."""
        write_declaration(webhooks + SETTINGS, self.config.parent)
        self._deployed = ""
        self.outputs = deploy.deploy(
            self.system, config=self.config, context=context, once_filled=once_filled
        )
        self._deployed = webhooks

    def deploy_file(self, config: Path) -> None:
        """Deploy another declaration in place of the tests' own."""
        self._deployed = ""
        self.outputs = deploy.deploy(self.system, config=config)

    def restore(self) -> None:
        """Deploy the webhooks that tests start from, unless they are."""
        if self._deployed != BASE:
            self.deploy()

    def destroy(self) -> None:
        deploy.destroy(self.system, config=self.config)

    # In SQL

    def rows(self, query: str, values: list[Any] | None = None) -> list[list[Any]]:
        return [list(row) for row in self.connection.execute(query.encode(), values)]

    def column(self, query: str, values: list[Any] | None = None) -> list[Any]:
        return [row[0] for row in self.rows(query, values)]

    def triggers(self) -> list[str]:
        return self.column(
            "select tgname::text from pg_trigger"
            " where not tgisinternal and tgrelid <> 'storage.objects'::regclass order by 1"
        )

    def place(self, count: int = 1, *, total: str = "9.99") -> list[int]:
        """Place orders in one statement; with another total their items don't add up."""
        return self.column(
            "insert into public.orders (items, total)"
            " select %s::jsonb, %s::numeric from generate_series(1, %s) returning id",
            [ITEMS, total, count],
        )

    def rest(self) -> None:
        """Wait until redelivery is asleep and pg_net is quiet: what is written next goes by pg_net."""
        wait_for(
            lambda: (
                self.column("select not bridge.is_awake() and not bridge.is_recent('bridge.last_post', 1000)")
                == [True]
            )
        )

    def order_of(self, user: str, **columns: Any) -> int:
        """Place an order of a user; columns as public.orders has them."""
        names = "".join(f", {name}" for name in columns)
        places = ", %s" * len(columns)
        query = (
            f"insert into public.orders (user_id, items, total{names})"
            f" values (%s, %s::jsonb, 9.99{places}) returning id"
        )
        [order] = self.column(query, [user, ITEMS, *columns.values()])
        return int(order)

    def status_of(self, order: int) -> str:
        [status] = self.column("select status from public.orders where id = %s", [order])
        return str(status)

    def unprocessed(self, orders: list[int]) -> list[int]:
        return self.column(
            "select id from public.orders where id = any (%s) and processed_at is null", [orders]
        )

    def wait_until_processed(self, orders: list[int]) -> None:
        wait_for(lambda: not self.unprocessed(orders))

    def messages_of(self, order: int) -> list[list[str]]:
        """Id and body of each message that tells of an order's insertion."""
        return self.rows(
            "select id::text, body::text from bridge.message where webhook = 'order.created'"
            " and body -> 'data' @> jsonb_build_array("
            "jsonb_build_object('record', jsonb_build_object('id', %s::bigint)))",
            [order],
        )

    def message_of(self, order: int) -> tuple[str, str]:
        [[message_id, body]] = self.messages_of(order)
        return message_id, body

    # Over HTTP

    def post(
        self,
        body: str,
        *,
        webhook: str = "order.created",
        message_id: str | None = None,
        at: datetime | None = None,
        secret: str | None = None,
    ) -> httpx.Response:
        """Post a message, signed with the secret in force unless told otherwise."""
        sent_at = at or datetime.now(tz=UTC)
        identity = message_id or str(uuid4())
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": Webhook(secret or self.signing_secret()).sign(identity, sent_at, body),
        }
        url = f"{self.outputs['WebhookUrl']}/webhooks/{webhook}"
        return httpx.post(url, content=body.encode(), headers=headers, timeout=30, trust_env=False)

    def call(self, method: str, path: str, *, token: str = "", **options: Any) -> httpx.Response:
        """Call a function's route."""
        headers = options.pop("headers", {}) | ({"authorization": f"Bearer {token}"} if token else {})
        url = f"{self.outputs['WebhookUrl']}{path}"
        return httpx.request(method, url, headers=headers, timeout=40, trust_env=False, **options)

    def stored(self, path: str) -> bytes:
        """What Storage holds as bucket/path; nothing if it is not there."""
        key = self.system.service_role_key
        answer = httpx.get(
            f"{self.system.supabase_url}/storage/v1/object/{path}",
            headers={"apikey": key, "authorization": f"Bearer {key}"},
            trust_env=False,
        )
        return answer.content if answer.is_success else b""

    # With the AWS APIs

    @property
    def session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    def secret(self, name: str) -> dict[str, str]:
        client = self.session.client("secretsmanager", endpoint_url=self.system.aws_endpoint)
        entry = client.get_secret_value(SecretId=f"external-compute/local/{name}")
        fields: dict[str, str] = json.loads(entry["SecretString"])
        return fields

    def signing_secret(self) -> str:
        return self.secret("webhook-signing")["current"]

    def redeliver(self) -> dict[str, Any]:
        """Do what the schedule does each minute; returns what the run did."""
        client = self.session.client("lambda", endpoint_url=self.system.aws_endpoint)
        answer = client.invoke(FunctionName=self.outputs["RedeliverFunction"], Payload=b"{}")
        summary: dict[str, Any] = json.load(answer["Payload"])
        return summary

    def dead_letters(self) -> list[dict[str, Any]]:
        """Receive and delete the worker's dead letters."""
        sqs = self.session.client("sqs", endpoint_url=self.system.aws_endpoint)
        queue = f"{self.outputs['QueueAddress']}external-compute-local-process_order-dead-letter"
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def logs(self, *, of: str = "") -> str:
        """Everything that has been logged, or only in the log group that is named so."""
        client = self.session.client("logs", endpoint_url=self.system.aws_endpoint)
        groups = [
            group["logGroupName"]
            for page in client.get_paginator("describe_log_groups").paginate()
            for group in page["logGroups"]
            if of in group["logGroupName"]
        ]
        return "\n".join(
            event["message"]
            for group in groups
            for page in client.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        )

    def stack_text(self) -> str:
        """Templates and events of all stacks, and the configuration of all functions."""
        cloudformation = self.session.client("cloudformation", endpoint_url=self.system.aws_endpoint)
        functions = self.session.client("lambda", endpoint_url=self.system.aws_endpoint)
        texts: list[Any] = [functions.list_functions()["Functions"]]
        for stack in (deploy.SECRETS_STACK, deploy.BRIDGE_STACK):
            texts.append(cloudformation.get_template(StackName=stack)["TemplateBody"])
            texts.append(cloudformation.describe_stack_events(StackName=stack)["StackEvents"])
        return json.dumps(texts, default=str)


def wait_for(condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until the condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds:.0f} s"
        time.sleep(0.1)
