"""Each function may do what it needs, and nothing else."""

from typing import Any

import pytest

from tests.infrastructure.permissions import allowed

TRACES_AND_LOGS = {
    "xray:PutTraceSegments": {"*"},
    "xray:PutTelemetryRecords": {"*"},
    "logs:CreateLogStream": {"LogGroup"},
    "logs:PutLogEvents": {"LogGroup"},
}
RECEIVE = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl")


def reading(*secrets: str) -> dict[str, set[str]]:
    return {f"secretsmanager:{action}": set(secrets) for action in ("DescribeSecret", "GetSecretValue")}


def receiving(queue: str) -> dict[str, set[str]]:
    return {f"sqs:{action}": {queue} for action in RECEIVE}


WORKER_QUEUE = "external-compute-prod-process_order"
WAKE_QUEUE = "external-compute-prod-redeliver"


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (
            "receive_webhook.handler.handler",
            {**reading("webhook-signing"), "sqs:SendMessage": {WORKER_QUEUE, WAKE_QUEUE}},
        ),
        (
            "redeliver.handler.handler",
            {**reading("database"), **receiving(WAKE_QUEUE), "sqs:SendMessage": {WORKER_QUEUE}},
        ),
        ("process_order.handler.handler", {**reading("database"), **receiving(WORKER_QUEUE)}),
        ("apply_sql.handler.handler", reading("database", "webhook-signing")),
        (
            "framework.onEvent",
            {
                "lambda:InvokeFunction": {"apply_sql.handler.handler"},
                "lambda:GetFunction": {"apply_sql.handler.handler"},
            },
        ),
    ],
)
def should_allow_a_function_only_what_it_needs(
    bridge: dict[str, Any], handler: str, expected: dict[str, set[str]]
) -> None:
    assert allowed(bridge, handler) == {**TRACES_AND_LOGS, **expected}


def should_check_every_function(bridge: dict[str, Any]) -> None:
    functions = [r for r in bridge["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == 5


def should_let_only_the_api_and_the_schedule_invoke_functions(bridge: dict[str, Any]) -> None:
    permissions = [
        resource["Properties"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Permission"
    ]
    assert {p["Principal"] for p in permissions} == {"apigateway.amazonaws.com", "events.amazonaws.com"}
    assert all("SourceArn" in p for p in permissions)
