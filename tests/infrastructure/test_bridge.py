"""The stack that carries messages: how its functions run, what its API lets through, what it gives out."""

import json
from typing import Any

from aws_cdk.assertions import Match, Template

from tests.infrastructure.assembly import Assembly
from tests.infrastructure.bridge_stack import functions


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
    assert shipped.pop("apply_sql") == ["apply_sql", "sql", "tables.json"]
    assert shipped.pop("index") == ["index.mjs", "node_modules"]
    # These have libraries of their own, and nothing twice that the layer has.
    authorize, payments = shipped.pop("authorize"), shipped.pop("payments")
    assert {"authorize", "jwt", "cryptography"} <= set(authorize)
    assert {"payments", "stripe", "requests"} <= set(payments)
    assert "urllib3" not in payments
    for name in ("receive_webhook", "redeliver", "rotate_secret"):
        assert shipped[name].pop() == "tables.json"
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


def should_give_out_what_operating_needs(bridge: dict[str, Any]) -> None:
    # Besides what the CDK adds for the alarms.
    assert {name for name in bridge["Outputs"] if not name.startswith("PublishOutput")} == {
        "ApiUrl",
        "WebhookUrl",
        "ReceiveWebhookFunction",
        "RedeliverFunction",
        "ApplySqlFunction",
        "RotateSecretFunction",
        "QueueAddress",
        *(f"Worker{worker}" for worker in ("ExpireOrder", "ProcessOrder", "RenderReceipt")),
        "StateMachineExpireOrder",
        *(f"Function{name}" for name in ("Health", "Orders", "Payments", "Users")),
        "Triggers",
        "PgNetVersion",
        "RoundTripMs",
        "Targets",
        "Warnings",
    }
