"""The construct that keeps other platforms' secrets in step, in a stack of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from stacks.context import StageContext
from stacks.platforms import PlatformSecrets
from stacks.settings import read_settings
from tests.infrastructure.assembly import ROOT, shipped
from tests.infrastructure.bridge_stack import tables
from tests.infrastructure.permissions import allowed

ACCOUNT = "0123456789abcdef0123456789abcdef"
TRACES_AND_LOGS = {
    "xray:PutTraceSegments": {"*"},
    "xray:PutTelemetryRecords": {"*"},
    "logs:CreateLogStream": {"LogGroup"},
    "logs:PutLogEvents": {"LogGroup"},
}
TARGETS = f"""
[[targets]]
name = "edge_worker"
url = "https://shop-{{stage}}.workers.example/{{webhook}}"
cloudflare = {{ account_id = "{ACCOUNT}", script = "shop-{{stage}}" }}

[[targets]]
name = "vercel_app"
url = "https://shop-{{stage}}.vercel.example/{{webhook}}"
vercel = {{ project = "shop", environments = ["production", "preview"] }}
"""
STAGE = """
[stages.prod]
subnets = ["subnet-0a1b2c3d"]
security_groups = ["sg-0a1b2c3d"]
"""
PUT_TO_WORKER = {
    "Target": "edge_worker",
    "SecretId": "external-compute/prod/target-edge-worker",
    "Variables": ["WEBHOOK_SIGNING_SECRET", "SUPABASE_URL", "SUPABASE_ANON_KEY"],
    "Platform": "cloudflare",
    "AccountId": ACCOUNT,
    "Script": "shop-prod",
}


def made(folder: Path, targets: str) -> App:
    """Make the construct alone, for what a declaration in the folder says."""
    declaration = folder / "bridge.toml"
    declaration.write_text(targets + STAGE, "utf-8")
    settings = read_settings({"config": str(declaration), "stage": "prod"})
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    app = App(context=context, outdir=str(folder / "cdk.out"))
    stack = Stack(app, "external-compute-prod")
    PlatformSecrets(stack, "PlatformSecrets", context=StageContext.of(stack, settings))
    return app


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    app = made(tmp_path_factory.mktemp("platforms"), TARGETS)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    return Path(app.synth().directory)


@pytest.fixture(scope="module")
def stack(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "external-compute-prod.template.json").read_text("utf-8")))


def should_report_no_finding_of_cdk_nag(output: Path) -> None:
    assert json.loads((output / "validation-report.json").read_text("utf-8"))["pluginReports"] == []


def should_name_in_each_resource_what_is_put_where_and_nothing_that_changes_by_itself(
    stack: dict[str, Any],
) -> None:
    resources = {
        resource["Properties"]["Target"]: resource["Properties"]
        for resource in stack["Resources"].values()
        if resource["Type"] == "Custom::PlatformSecrets"
    }
    for properties in resources.values():
        assert properties.pop("ServiceToken")
        # Longer than the function takes, so that its own error arrives.
        assert properties.pop("ServiceTimeout") == "420"
    assert resources == {
        "edge_worker": PUT_TO_WORKER,
        "vercel_app": {
            "Target": "vercel_app",
            "SecretId": "external-compute/prod/target-vercel-app",
            "Variables": PUT_TO_WORKER["Variables"],
            "Platform": "vercel",
            "Project": "shop",
            "Team": "",
            "Environments": ["production", "preview"],
            "Redeploy": "true",
        },
    }


def should_tell_the_function_the_same_of_all_targets(stack: dict[str, Any]) -> None:
    to_worker, to_project = tables(stack, "sync_platform")["TARGETS"]
    assert to_worker == PUT_TO_WORKER
    assert (to_project["Target"], to_project["Redeploy"]) == ("vercel_app", "true")


def should_allow_nothing_that_it_does_not_need(stack: dict[str, Any]) -> None:
    function = "sync_platform.handler.handler"
    # Both platforms' tokens, whatever is declared.
    entries = {"supabase", "cloudflare", "vercel", "target-edge-worker", "target-vercel-app"}
    assert allowed(stack, function) == {
        **TRACES_AND_LOGS,
        "secretsmanager:GetSecretValue": entries,
        "secretsmanager:DescribeSecret": entries,
    }
    assert allowed(stack, "framework.onEvent") == {
        **TRACES_AND_LOGS,
        "lambda:InvokeFunction": {function},
        "lambda:GetFunction": {function},
    }


def should_reach_the_internet_whatever_the_network_of_supabase(stack: dict[str, Any]) -> None:
    Template.from_json(stack).all_resources_properties("AWS::Lambda::Function", {"VpcConfig": Match.absent()})


def should_never_let_the_provider_framework_log_an_event(stack: dict[str, Any]) -> None:
    Template.from_json(stack).has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "framework.onEvent",
            "LoggingConfig": Match.object_like({"ApplicationLogLevel": "FATAL"}),
        },
    )


def should_hold_no_secret(stack: dict[str, Any]) -> None:
    text = json.dumps(stack)
    assert "{{resolve:" not in text
    assert "api_token" not in text


def should_ship_the_sdk_and_nothing_that_the_layer_has(stack: dict[str, Any], output: Path) -> None:
    (code,) = (
        resource["Properties"]["Code"]
        for resource in stack["Resources"].values()
        if resource["Properties"].get("Handler") == "sync_platform.handler.handler"
    )
    found = shipped(output, code)
    assert {"sync_platform", "cloudflare", "httpx"} <= found
    assert not {"pydantic", "pydantic_core", "urllib3", "bridge"} & found
