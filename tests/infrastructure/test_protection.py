"""What a company asks of a stage: its key, its boundary, its tags, and that nobody removes it by mistake."""

import json
from typing import Any

import pytest

from tests.infrastructure.assembly import Assembly
from tests.infrastructure.changed import BOUNDARY, KEY
from tests.infrastructure.permissions import Allowed, allowed

STACKS = ("prod-secrets", "prod-bridge", "prod-monitoring")
READS, WRITES = {"kms:Decrypt"}, {"kms:Decrypt", "kms:GenerateDataKey"}


@pytest.fixture(scope="module")
def bridge(changed: Assembly) -> dict[str, Any]:
    return changed.template("prod-bridge")


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def key_uses(permissions: Allowed) -> set[str]:
    return {action for action, resources in permissions.items() if KEY in resources}


def should_report_nothing(changed: Assembly) -> None:
    assert "error" not in changed.said.lower()
    assert "AwsSolutions" not in changed.said


def should_encrypt_every_secret(changed: Assembly) -> None:
    secrets = of_type(changed.template("prod-secrets"), "AWS::SecretsManager::Secret")
    assert len(secrets) > 5
    assert {each["KmsKeyId"] for each in secrets.values()} == {KEY}


def should_encrypt_every_queue(bridge: dict[str, Any]) -> None:
    queues = of_type(bridge, "AWS::SQS::Queue")
    assert len(queues) == 7
    assert {each["KmsMasterKeyId"] for each in queues.values()} == {KEY}
    assert all("SqsManagedSseEnabled" not in each for each in queues.values())


def should_encrypt_every_log(bridge: dict[str, Any]) -> None:
    groups = of_type(bridge, "AWS::Logs::LogGroup")
    assert len(groups) > 10
    assert {each["KmsKeyId"] for each in groups.values()} == {KEY}


@pytest.mark.parametrize(
    ("function", "uses"),
    [
        ("receive_webhook.handler.handler", WRITES),
        ("redeliver.handler.handler", WRITES),
        ("rotate_secret.handler.handler", WRITES),
        ("apply_sql.handler.handler", READS),
        ("process_order.handler.handler", READS),
        ("start_execution.handler.handler", READS),
        ("expire_order.handler.handler", READS),
        ("orders.handler.handler", READS),
        ("framework.onEvent", set()),
    ],
)
def should_let_a_function_use_the_key_as_far_as_it_needs(
    bridge: dict[str, Any], function: str, uses: set[str]
) -> None:
    assert key_uses(allowed(bridge, function)) == uses


def should_encrypt_with_the_key_by_way_of_one_service_only(bridge: dict[str, Any]) -> None:
    statements = [
        statement
        for policy in of_type(bridge, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "kms:GenerateDataKey" in statement["Action"]
    ]
    assert len(statements) == 3
    for statement in statements:
        via = statement["Condition"]["StringEquals"]["kms:ViaService"]
        assert via in {f"{service}.eu-central-1.amazonaws.com" for service in ("sqs", "secretsmanager")}


@pytest.mark.parametrize("stack", STACKS)
def should_bound_every_role(changed: Assembly, stack: str) -> None:
    roles = of_type(changed.template(stack), "AWS::IAM::Role")
    assert {role.get("PermissionsBoundary") for role in roles.values()} <= {BOUNDARY}
    assert roles or stack != "prod-bridge"


@pytest.mark.parametrize(
    ("stack", "kind"),
    [
        ("prod-secrets", "AWS::SecretsManager::Secret"),
        ("prod-bridge", "AWS::SQS::Queue"),
        ("prod-bridge", "AWS::IAM::Role"),
        ("prod-monitoring", "AWS::SNS::Topic"),
    ],
)
def should_tag_every_resource(changed: Assembly, stack: str, kind: str) -> None:
    expected = {"project": "external-compute", "stage": "prod", "team": "shop", "cost-center": "42"}
    for properties in of_type(changed.template(stack), kind).values():
        assert {tag["Key"]: tag["Value"] for tag in properties["Tags"]} == expected


@pytest.mark.parametrize("stack", STACKS)
def should_protect_a_stage_from_removal_that_says_so(
    assembly: Assembly, changed: Assembly, stack: str
) -> None:
    assert is_protected(assembly, stack)
    assert not is_protected(changed, stack)


def is_protected(assembly: Assembly, stack: str) -> bool:
    manifest = json.loads((assembly.directory / "manifest.json").read_text("utf-8"))
    properties = manifest["artifacts"][f"external-compute-{stack}"]["properties"]
    return bool(properties.get("terminationProtection", False))
