"""The stack that carries messages: what its template promises."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.infrastructure.assembly import Assembly

ROOT = Path(__file__).parents[2]
WORKER_QUEUE = "external-compute-prod-process_order"


@pytest.fixture(scope="module")
def template(bridge: dict[str, Any]) -> Template:
    return Template.from_json(bridge)


def functions(bridge: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        resource["Properties"]["Handler"].split(".")[0]: resource["Properties"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def custom_resource(bridge: dict[str, Any]) -> dict[str, Any]:
    (resource,) = (r for r in bridge["Resources"].values() if r["Type"] == "Custom::SupabaseBridge")
    return dict(resource)


def declaration(bridge: dict[str, Any]) -> dict[str, Any]:
    parts = custom_resource(bridge)["Properties"]["Declaration"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "REFERENCE" for part in parts)
    return dict(json.loads(text))


def should_hide_a_received_event_six_times_the_workers_timeout(template: Template) -> None:
    template.has_resource_properties("AWS::SQS::Queue", {"QueueName": WORKER_QUEUE, "VisibilityTimeout": 360})
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Handler": "process_order.handler.handler", "Timeout": 60}
    )


def should_move_poison_to_the_dead_letter_queue_after_max_attempts(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "QueueName": WORKER_QUEUE,
            "RedrivePolicy": {"maxReceiveCount": 3, "deadLetterTargetArn": Match.any_value()},
        },
    )


def should_keep_dead_letters_14_days_and_let_only_their_queue_take_them_back(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "QueueName": f"{WORKER_QUEUE}-dead-letter",
            "MessageRetentionPeriod": 14 * 24 * 3600,
            "RedriveAllowPolicy": {
                "redrivePermission": "byQueue",
                "sourceQueueArns": [{"Fn::Join": ["", Match.array_with([f":{WORKER_QUEUE}"])]}],
            },
        },
    )


def should_encrypt_every_queue_and_refuse_plain_http(template: Template) -> None:
    template.resource_properties_count_is("AWS::SQS::Queue", {"SqsManagedSseEnabled": True}, 7)
    template.resource_count_is("AWS::SQS::Queue", 7)
    refusal = {"Effect": "Deny", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    template.resource_properties_count_is(
        "AWS::SQS::QueuePolicy", {"PolicyDocument": {"Statement": [Match.object_like(refusal)]}}, 7
    )


def should_return_only_failed_events_to_the_queue(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BatchSize": 10,
            "ScalingConfig": {"MaximumConcurrency": 5},
        },
    )


def should_wake_redelivery_every_minute_and_by_its_queue(template: Template) -> None:
    template.has_resource_properties("AWS::Events::Rule", {"ScheduleExpression": "rate(1 minute)"})
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping", {"BatchSize": 10, "ScalingConfig": {"MaximumConcurrency": 2}}
    )


def should_run_every_python_function_as_the_house_does(template: Template) -> None:
    house = {
        "Runtime": "python3.14",
        "Architectures": ["arm64"],
        "TracingConfig": {"Mode": "Active"},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": Match.any_value()},
        "Layers": [Match.any_value()],
        "Environment": {
            "Variables": Match.object_like({"POWERTOOLS_METRICS_NAMESPACE": "ExternalCompute/prod"})
        },
    }
    template.resource_properties_count_is("AWS::Lambda::Function", house, 12)


def should_ship_only_a_functions_own_folder(bridge: dict[str, Any], assembly: Assembly) -> None:
    shipped = {
        name: sorted(assembly.shipped(properties["Code"]))
        for name, properties in functions(bridge).items()
        if name != "framework"
    }
    assert shipped.pop("apply_sql") == ["apply_sql", "sql"]
    assert shipped.pop("index") == ["index.mjs", "node_modules"]
    # These have libraries of their own, and nothing twice that the layer has.
    authorize, payments = shipped.pop("authorize"), shipped.pop("payments")
    assert {"authorize", "jwt", "cryptography"} <= set(authorize)
    assert {"payments", "stripe", "requests"} <= set(payments)
    assert "urllib3" not in payments
    assert shipped == {name: [name] for name in shipped}
    assert shipped.keys() == {
        *("receive_webhook", "redeliver", "process_order", "start_execution", "expire_order"),
        *("rotate_secret", "users", "orders", "health"),
    }


def should_keep_logs_as_long_as_the_stage_says(template: Template) -> None:
    template.resource_properties_count_is("AWS::Logs::LogGroup", {"RetentionInDays": 90}, 16)
    template.resource_count_is("AWS::Logs::LogGroup", 16)


def should_never_let_the_provider_framework_log_an_event(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "framework.onEvent",
            "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "FATAL"},
        },
    )


def should_throttle_and_measure_the_api(template: Template) -> None:
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Stage",
        {
            "StageName": "$default",
            "DefaultRouteSettings": {
                "DetailedMetricsEnabled": True,
                "ThrottlingRateLimit": 1000,
                "ThrottlingBurstLimit": 2000,
            },
        },
    )
    template.has_resource_properties("AWS::ApiGatewayV2::Route", {"RouteKey": "POST /webhooks/{webhook}"})


def should_log_access_without_bodies_and_signatures(bridge: dict[str, Any]) -> None:
    (stage,) = (r for r in bridge["Resources"].values() if r["Type"] == "AWS::ApiGatewayV2::Stage")
    logged = json.loads(stage["Properties"]["AccessLogSettings"]["Format"])
    assert set(logged.values()) >= {"$context.requestId", "$context.status", "$context.path"}
    assert not [value for value in logged.values() if "header" in value or "body" in value.lower()]


def should_map_webhooks_and_the_bridges_own_to_queues(bridge: dict[str, Any]) -> None:
    variables = functions(bridge)["receive_webhook"]["Environment"]["Variables"]
    assert json.loads(variables["WEBHOOKS"]) == {
        "order.created": ["process_order"],
        "order.changed": ["process_order"],
        "order.processed": ["render_receipt"],
        "order.due": ["expire_order"],
        "bridge.ping": [],
        "bridge.ring": ["redeliver"],
    }
    queues = "".join(str(part) for part in variables["QUEUES"]["Fn::Join"][1])
    assert '"process_order":' in queues
    assert '"redeliver":' in queues


def should_declare_to_the_database_what_bridge_toml_says(bridge: dict[str, Any]) -> None:
    declared = declaration(bridge)
    assert (declared["fast_path_grace"], declared["retention"]) == (30, 7)
    assert [target.pop("ordered") for target in declared["targets"]] == [False] * 5
    assert declared["targets"] == [
        *({"name": name, "kind": "queue"} for name in ("expire_order", "process_order", "render_receipt")),
        {
            "name": "edge_worker",
            "kind": "http",
            "url": "https://shop-prod.workers.example/webhook/{webhook}",
            "fast_path": True,
        },
        {
            "name": "vercel_app",
            "kind": "http",
            "url": "https://shop-prod.vercel.example/api/webhook/{webhook}",
            "fast_path": True,
        },
    ]
    assert declared["webhooks"][0] == {
        "name": "order.created",
        "table": "public.orders",
        "operations": ["insert"],
        "columns": None,
        "when": "new.total > 0",
        "enabled": True,
        "ordered": False,
        "max_per_minute": None,
        "targets": ["process_order", "edge_worker", "vercel_app"],
    }


def should_tell_redelivery_of_addresses_and_their_secrets(bridge: dict[str, Any]) -> None:
    variables = functions(bridge)["redeliver"]["Environment"]["Variables"]
    assert json.loads(variables["TARGETS"]) == {
        "edge_worker": {"url": "https://shop-prod.workers.example/webhook/{webhook}", "timeout": 15},
        "vercel_app": {"url": "https://shop-prod.vercel.example/api/webhook/{webhook}", "timeout": 15},
    }
    assert variables["ALLOWED_TARGET_RANGES"] == "[]"
    for name in ("redeliver", "apply_sql"):
        given = functions(bridge)[name]["Environment"]["Variables"]
        assert given["TARGET_EDGE_WORKER_SECRET_ID"] == "external-compute/prod/target-edge-worker"


def should_apply_the_sql_again_when_a_file_changes(bridge: dict[str, Any]) -> None:
    digest = hashlib.sha256()
    for file in sorted((ROOT / "sql").glob("*.sql")):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    assert custom_resource(bridge)["Properties"]["SqlHash"] == digest.hexdigest()


def should_make_triggers_after_everything_a_message_needs(bridge: dict[str, Any]) -> None:
    needed_types = {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Permission",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    }
    needed = {name for name, resource in bridge["Resources"].items() if resource["Type"] in needed_types}
    # What rotates secrets needs the database, not the other way round.
    needed = {name for name in needed if not name.startswith("Rotation")}
    assert needed <= set(custom_resource(bridge)["DependsOn"])


def should_name_its_owner_and_how_strict_the_ping_is(bridge: dict[str, Any]) -> None:
    properties = custom_resource(bridge)["Properties"]
    assert properties["Owner"]["Fn::Join"][1][-1] == "/external-compute-prod-bridge"
    assert properties["Ping"] == "required"
    assert "Adopt" not in properties


def should_give_out_what_operating_needs(bridge: dict[str, Any]) -> None:
    # Besides what the CDK adds for the alarms.
    assert {name for name in bridge["Outputs"] if not name.startswith("PublishOutput")} == {
        "ApiUrl",
        "WebhookUrl",
        "ReceiveWebhookFunction",
        "RedeliverFunction",
        "ApplySqlFunction",
        "RotateSecretFunction",
        *(f"Queue{worker}" for worker in ("ExpireOrder", "ProcessOrder", "RenderReceipt")),
        *(f"DeadLetterQueue{worker}" for worker in ("ExpireOrder", "ProcessOrder", "RenderReceipt")),
        *(f"Worker{worker}" for worker in ("ExpireOrder", "ProcessOrder", "RenderReceipt")),
        "StateMachineExpireOrder",
        *(f"Function{name}" for name in ("Health", "Orders", "Payments", "Users")),
        "Triggers",
        "PgNetVersion",
        "RoundTripMs",
        "Targets",
    }


@pytest.fixture(scope="module")
def changed(synthesized: Callable[..., Assembly]) -> dict[str, Any]:
    return synthesized(
        "stage=prod",
        "account=123456789012",
        "region=eu-central-1",
        "domain_name=hooks.example.com",
        "certificate_arn=arn:aws:acm:eu-central-1:123456789012:certificate/1",
        "webhook_url=https://in.example.com/{api_id}",
        "allowed_source_ranges=203.0.113.0/24",
        "adopt=1/eu/other",
        "removal=destroy",
    ).template("prod-bridge")


def should_say_where_functions_answer_and_where_the_database_posts(
    bridge: dict[str, Any], changed: dict[str, Any]
) -> None:
    api, webhooks = (bridge["Outputs"][name]["Value"] for name in ("ApiUrl", "WebhookUrl"))
    assert api == webhooks
    assert api["Fn::GetAtt"][1] == "ApiEndpoint"
    assert changed["Outputs"]["ApiUrl"]["Value"] == "https://hooks.example.com"
    assert changed["Outputs"]["WebhookUrl"]["Value"]["Fn::Join"][1][0] == "https://in.example.com/"


def should_follow_the_stage_settings(changed: dict[str, Any]) -> None:
    properties = custom_resource(changed)["Properties"]
    assert properties["Owner"] == "123456789012/eu-central-1/external-compute-prod-bridge"
    assert properties["Adopt"] == "1/eu/other"
    assert declaration(changed)["webhook_url"] == "https://in.example.com/REFERENCE"
    variables = functions(changed)["receive_webhook"]["Environment"]["Variables"]
    assert json.loads(variables["ALLOWED_SOURCE_RANGES"]) == ["203.0.113.0/24"]
    template = Template.from_json(changed)
    template.has_resource_properties("AWS::ApiGatewayV2::DomainName", {"DomainName": "hooks.example.com"})
    template.has_output("DomainTarget", {})
    template.all_resources("AWS::Logs::LogGroup", {"DeletionPolicy": "Delete"})
