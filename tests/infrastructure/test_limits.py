"""What AWS allows: a declaration much larger than today's fits, and one that is too large is told so."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from stacks import limits
from stacks.errors import SettingsError
from stacks.limits import check_limits
from stacks.settings import read_settings
from tests.infrastructure.assembly import Assembly, synthesize
from tests.infrastructure.bridge_stack import tables
from tests.infrastructure.scale import declare

if TYPE_CHECKING:
    from pathlib import Path

STACKS = 3
NESTED = 4
# A reference at its longest.
REFERENCE = "x" * 160


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    declaration = declare(folder, workers=100, webhooks=300, functions=20, routes=200)
    result = synthesize(folder / "cdk.out", "-c", "stage=prod", "-c", f"config={declaration}")
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def templates(folder: Path) -> dict[str, dict[str, Any]]:
    files = (folder / "cdk.out").glob("*.template.json")
    return {file.name: json.loads(file.read_text("utf-8")) for file in files}


@pytest.fixture(scope="module")
def resources(templates: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [resource for template in templates.values() for resource in template["Resources"].values()]


@pytest.fixture(scope="module")
def bridge(folder: Path) -> dict[str, Any]:
    return Assembly(folder / "cdk.out", "").template("prod-bridge")


def of_type(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in resources if resource["Type"] == kind]


def text(value: Any) -> str:
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(text, value["Fn::Join"][1]))
    return value if isinstance(value, str) else REFERENCE


def should_fit_into_stacks(folder: Path, templates: dict[str, dict[str, Any]]) -> None:
    assert len(templates) == STACKS + NESTED
    for name, template in templates.items():
        assert len(template["Resources"]) <= 500, name
        assert len(template.get("Outputs", {})) <= 200, name
        assert len(template.get("Parameters", {})) <= 200, name
        assert (folder / "cdk.out" / name).stat().st_size <= 1_000_000, name


def should_have_all_that_is_declared(resources: list[dict[str, Any]], bridge: dict[str, Any]) -> None:
    counts = Counter(resource["Type"] for resource in resources)
    # Redelivery is woken by a queue of its own.
    assert counts["AWS::SQS::Queue"] == 2 * 100 + 1
    assert counts["AWS::Lambda::EventSourceMapping"] == 100 + 1
    assert counts["AWS::ApiGatewayV2::Route"] == 200 + 1
    assert len(tables(bridge, "receive_webhook")["WEBHOOKS"]) == 300 + 2
    assert len(tables(bridge, "authorize")["ROUTES"]) == 200


def should_keep_environments_small(resources: list[dict[str, Any]]) -> None:
    for function in of_type(resources, "AWS::Lambda::Function"):
        variables = function.get("Environment", {}).get("Variables", {})
        assert sum(len(name) + len(text(value)) for name, value in variables.items()) <= 4096


def should_let_the_api_invoke_functions_within_their_policies(resources: list[dict[str, Any]]) -> None:
    statements = of_type(resources, "AWS::Lambda::Permission")
    sizes = Counter(json.dumps(each["FunctionName"]) for each in statements)
    # A statement has at most 500 bytes: 20,480 are allowed.
    assert max(sizes.values()) <= 2


def should_split_permissions_that_one_policy_cannot_hold(resources: list[dict[str, Any]]) -> None:
    inline = [json.dumps(each["PolicyDocument"]) for each in of_type(resources, "AWS::IAM::Policy")]
    assert max(len(document) for document in inline) <= 10_240
    managed = [json.dumps(each["PolicyDocument"]) for each in of_type(resources, "AWS::IAM::ManagedPolicy")]
    assert max(len(document) for document in managed) <= 6_144


def should_show_no_more_metrics_than_a_dashboard_takes(resources: list[dict[str, Any]]) -> None:
    [dashboard] = of_type(resources, "AWS::CloudWatch::Dashboard")
    widgets = json.loads(text(dashboard["DashboardBody"]))["widgets"]
    counts = [len(widget["properties"].get("metrics", [])) for widget in widgets]
    assert max(counts) <= 500
    assert sum(counts) <= 2_500


def should_keep_names_short_enough(resources: list[dict[str, Any]]) -> None:
    assert max(len(queue["QueueName"]) for queue in of_type(resources, "AWS::SQS::Queue")) <= 80
    functions = of_type(resources, "AWS::Lambda::Function")
    assert max(len(function.get("FunctionName", "")) for function in functions) <= 64
    assert max(len(function.get("Description", "")) for function in functions) <= 256


def should_tell_the_database_of_everything_within_an_event(bridge: dict[str, Any]) -> None:
    [declaration] = of_type(list(bridge["Resources"].values()), "Custom::SupabaseBridge")
    # The old and the new one, in 256 KB.
    assert 2 * len(text(declaration["Declaration"]).encode()) < 256_000


def should_keep_in_the_bridge_stack_what_cannot_be_made_twice(
    bridge: dict[str, Any], resources: list[dict[str, Any]]
) -> None:
    own = Counter(resource["Type"] for resource in bridge["Resources"].values())
    everywhere = Counter(resource["Type"] for resource in resources)
    for kind in ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::ApiGatewayV2::Route"):
        assert own[kind] == everywhere[kind]
    assert own["AWS::CloudFormation::Stack"] == NESTED


def should_refuse_plain_http_to_every_queue_by_one_policy(bridge: dict[str, Any]) -> None:
    policies = of_type(list(bridge["Resources"].values()), "AWS::SQS::QueuePolicy")
    queues = [json.dumps(queue) for policy in policies for queue in policy["Queues"]]
    assert len(queues) == len(set(queues)) == 201
    for policy in policies:
        [statement] = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Condition"]) == (
            "Deny",
            {"Bool": {"aws:SecureTransport": "false"}},
        )


def should_make_triggers_after_the_functions_of_nested_stacks(bridge: dict[str, Any]) -> None:
    [database] = (r for r in bridge["Resources"].values() if r["Type"] == "Custom::SupabaseBridge")
    nested = {name for name, r in bridge["Resources"].items() if r["Type"] == "AWS::CloudFormation::Stack"}
    assert nested <= set(database["DependsOn"])


def should_report_no_finding_of_cdk_nag(folder: Path) -> None:
    report = json.loads((folder / "cdk.out" / "validation-report.json").read_text("utf-8"))
    # What is reported is that the pooler has too few connections for all workers.
    assert {each["pluginName"] for each in report["pluginReports"]} <= {"Construct Annotations"}


def should_leave_a_small_declaration_in_one_stack(assembly: Assembly) -> None:
    assert len(list(assembly.directory.glob("*.template.json"))) == STACKS


def should_refuse_more_than_fits_with_the_limit_and_the_way_out(tmp_path: Path) -> None:
    declaration = declare(tmp_path, workers=240, webhooks=1)
    result = synthesize(tmp_path / "cdk.out", "-c", "stage=prod", "-c", f"config={declaration}")
    assert result.returncode == 1
    assert "stack external-compute-prod-bridge (most of it Workers 481, " in result.stderr
    assert "CloudFormation allows 500. Let one worker take the events of several webhooks" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("ENVIRONMENT", 'worker "process_something_number7": '),
        ("FUNCTION_NAME", 'worker "process_something_number7": 47 characters of a function\'s name; Lambda'),
        ("QUEUE_NAME", 'worker "process_something_number7": 59 characters of a queue\'s name; SQS'),
        ("CODE", 'worker "process_something_number7": '),
        ("OUTPUTS", "stack external-compute-prod-bridge: "),
        ("TEMPLATE", "stack external-compute-prod-monitoring: "),
        ("PARAMETERS", "stack externalcomputeprodbridgeFunctions0"),
        ("POLICIES", "external-compute-prod-bridge, Redelivery/Function"),
        ("WIDGET", 'dashboard, "Functions: errors and throttles": 204 metrics in a graph; CloudWatch'),
        ("DASHBOARD", "dashboard: "),
        ("DECLARATION", "bytes of webhooks and targets; a custom resource allows"),
    ],
)
def should_name_the_entry_that_exceeds_a_limit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    settings = read_settings({"config": str(folder / "bridge.toml"), "stage": "prod"})
    check_limits(folder / "cdk.out", settings)
    present = getattr(limits, limit)
    lower = limits.Limit(present.service, 1, present.unit, present.remedy)
    monkeypatch.setattr(limits, limit, lower)
    with pytest.raises(SettingsError) as raised:
        check_limits(folder / "cdk.out", settings)
    assert said in str(raised.value)
    assert f"{present.service} allows 1. {present.remedy}" in str(raised.value)
