"""Each function may do what it needs, and nothing else."""

from typing import Any

import pytest

from tests.infrastructure.permissions import allowed, readers

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


PREFIX = "external-compute-prod"
QUEUES = {f"{PREFIX}-{worker}" for worker in ("process_order", "render_receipt", "expire_order")}
TARGETS = ("target-edge-worker", "target-vercel-app")
ROTATOR = "Rotates the secrets that sign webhooks"
SIGNERS = {
    "Delivers what is due in the database's outbox",
    "Applies sql/ and the declared webhooks to the database",
    ROTATOR,
}
WAKE_QUEUE = f"{PREFIX}-redeliver"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            "receive_webhook.handler.handler",
            {**reading("webhook-signing"), "sqs:SendMessage": QUEUES | {WAKE_QUEUE}},
        ),
        (
            "redeliver.handler.handler",
            {**reading("database", *TARGETS), **receiving(WAKE_QUEUE), "sqs:SendMessage": QUEUES},
        ),
        (
            "rotate_secret.handler.handler",
            {
                **reading("database", "webhook-signing", *TARGETS),
                "secretsmanager:PutSecretValue": {"webhook-signing", *TARGETS},
                "secretsmanager:UpdateSecretVersionStage": {"webhook-signing", *TARGETS},
            },
        ),
        ("process_order.handler.handler", {**reading("database"), **receiving(f"{PREFIX}-process_order")}),
        (
            "Worker render_receipt",
            {**reading("database", "supabase-service-role"), **receiving(f"{PREFIX}-render_receipt")},
        ),
        (
            "start_execution.handler.handler",
            {"states:StartExecution": {"StateMachine"}, **receiving(f"{PREFIX}-expire_order")},
        ),
        ("expire_order.handler.handler", reading("database")),
        ("authorize.handler.handler", reading("supabase-jwt")),
        ("users.handler.handler", reading("supabase", "supabase-service-role")),
        ("orders.handler.handler", reading("database")),
        ("payments.handler.handler", reading("database", "stripe")),
        ("health.handler.handler", reading("database", "supabase")),
        ("apply_sql.handler.handler", reading("database-direct", "webhook-signing", *TARGETS)),
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
    bridge: dict[str, Any], function: str, expected: dict[str, set[str]]
) -> None:
    assert allowed(bridge, function) == {**TRACES_AND_LOGS, **expected}


def should_check_every_function(bridge: dict[str, Any]) -> None:
    functions = [r for r in bridge["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == 14


def should_tell_of_every_secret_who_reads_it(bridge: dict[str, Any]) -> None:
    assert readers(bridge) == {
        "webhook-signing": {
            "Verifies messages and puts their events into queues",
            "Applies sql/ and the declared webhooks to the database",
            ROTATOR,
        },
        "database": {
            "Delivers what is due in the database's outbox",
            ROTATOR,
            "Worker process_order",
            "Worker render_receipt",
            "Tasks of worker expire_order",
            "Function orders",
            "Function payments",
            "Function health",
        },
        "database-direct": {"Applies sql/ and the declared webhooks to the database"},
        "supabase": {"Function users", "Function health"},
        "supabase-service-role": {"Function users", "Worker render_receipt"},
        "supabase-jwt": {"Verifies users' tokens for the HTTP functions"},
        "stripe": {"Function payments"},
        **dict.fromkeys(TARGETS, SIGNERS),
    }


def should_let_only_the_api_and_schedules_invoke_functions(bridge: dict[str, Any]) -> None:
    permissions = [
        resource["Properties"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Permission"
    ]
    assert {p["Principal"] for p in permissions} == {
        "apigateway.amazonaws.com",
        "events.amazonaws.com",
        "secretsmanager.amazonaws.com",
    }
    assert all("SourceArn" in p for p in permissions)
