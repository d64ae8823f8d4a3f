"""What bridge.toml declares reaches the receiver, redelivery and the database, and follows the stage."""

import hashlib
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.assembly import Assembly
from tests.infrastructure.bridge_stack import custom_resource, declaration, functions, tables

ROOT = Path(__file__).parents[2]


def should_map_webhooks_and_the_bridges_own_to_queues(bridge: dict[str, Any]) -> None:
    receiver = tables(bridge, "receive_webhook")
    assert receiver["WEBHOOKS"] == {
        "order.created": ["process_order"],
        "order.changed": ["process_order"],
        "order.processed": ["render_receipt"],
        "order.due": ["expire_order"],
        "bridge.ping": [],
        "bridge.ring": ["redeliver"],
    }
    assert receiver["QUEUES"] == {
        name: f"external-compute-prod-{name}"
        for name in ("expire_order", "process_order", "render_receipt", "redeliver")
    }
    address = functions(bridge)["receive_webhook"]["Environment"]["Variables"]["QUEUE_ADDRESS"]
    position, parts = address["Fn::Select"]
    separator, wake_queue = parts["Fn::Split"]
    assert (position, separator) == (0, receiver["QUEUES"]["redeliver"])
    assert bridge["Resources"][wake_queue["Ref"]]["Properties"]["QueueName"] == separator


def should_ship_the_tables_with_the_code(bridge: dict[str, Any], assembly: Assembly) -> None:
    for name in ("receive_webhook", "redeliver", "authorize", "apply_sql", "rotate_secret"):
        code = assembly.directory / f"asset.{functions(bridge)[name]['Code']['S3Key']}"
        assert json.loads(ZipFile(code).read("tables.json")) == tables(bridge, name)


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
    redelivery = tables(bridge, "redeliver")
    secrets = {
        "edge_worker": "external-compute/prod/target-edge-worker",
        "vercel_app": "external-compute/prod/target-vercel-app",
    }
    urls = {
        "edge_worker": "https://shop-prod.workers.example/webhook/{webhook}",
        "vercel_app": "https://shop-prod.vercel.example/api/webhook/{webhook}",
    }
    assert redelivery["TARGETS"] == {
        name: {"url": url, "timeout": 15, "secret_id": secrets[name]} for name, url in urls.items()
    }
    assert redelivery["ALLOWED_TARGET_RANGES"] == []
    for name in ("apply_sql", "rotate_secret"):
        assert tables(bridge, name)["TARGET_SECRET_IDS"] == secrets


def should_apply_the_sql_again_when_a_file_changes(bridge: dict[str, Any]) -> None:
    digest = hashlib.sha256()
    for file in sorted((ROOT / "sql").rglob("*.sql")):
        digest.update(
            f"{file.relative_to(ROOT / 'sql').as_posix()}\0{file.stat().st_size}\0".encode()
            + file.read_bytes()
        )
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
    # What rotates secrets needs the database, not the other way round; no message needs an HTTP function.
    needed = {name for name in needed if not name.startswith(("Rotation", "Functions"))}
    assert needed <= set(custom_resource(bridge)["DependsOn"])


def should_name_its_owner_and_how_strict_the_ping_is(bridge: dict[str, Any]) -> None:
    properties = custom_resource(bridge)["Properties"]
    assert properties["Owner"]["Fn::Join"][1][-1] == "/external-compute-prod-bridge"
    assert properties["Ping"] == "required"
    assert "Adopt" not in properties


@pytest.fixture(scope="module")
def changed_bridge(changed: Assembly) -> dict[str, Any]:
    return changed.template("prod-bridge")


def should_say_where_functions_answer_and_where_the_database_posts(
    bridge: dict[str, Any], changed_bridge: dict[str, Any]
) -> None:
    api, webhooks = (bridge["Outputs"][name]["Value"] for name in ("ApiUrl", "WebhookUrl"))
    assert api == webhooks
    assert api["Fn::GetAtt"][1] == "ApiEndpoint"
    assert changed_bridge["Outputs"]["ApiUrl"]["Value"] == "https://hooks.example.com"
    assert changed_bridge["Outputs"]["WebhookUrl"]["Value"]["Fn::Join"][1][0] == "https://in.example.com/"


def should_follow_the_stage_settings(changed_bridge: dict[str, Any]) -> None:
    properties = custom_resource(changed_bridge)["Properties"]
    assert properties["Owner"] == "123456789012/eu-central-1/external-compute-prod-bridge"
    assert properties["Adopt"] == "1/eu/other"
    assert declaration(changed_bridge)["webhook_url"] == "https://in.example.com/REFERENCE"
    assert tables(changed_bridge, "receive_webhook")["ALLOWED_SOURCE_RANGES"] == ["203.0.113.0/24"]
    template = Template.from_json(changed_bridge)
    template.has_resource_properties("AWS::ApiGatewayV2::DomainName", {"DomainName": "hooks.example.com"})
    template.has_output("DomainTarget", {})
    template.all_resources("AWS::Logs::LogGroup", {"DeletionPolicy": "Delete"})
