"""Rotation of signing secrets: what Secrets Manager does by itself, and where it doesn't."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.infrastructure.assembly import Assembly
from tests.infrastructure.bridge_stack import tables

SIGNING = ("webhook-signing", "target-edge-worker", "target-vercel-app")
FUNCTION = "rotate_secret.handler.handler"


@pytest.fixture(scope="module")
def template(bridge: dict[str, Any]) -> Template:
    return Template.from_json(bridge)


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def function(template: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    (found,) = (
        (name, r["Properties"])
        for name, r in resources(template, "AWS::Lambda::Function").items()
        if r["Properties"]["Handler"] == FUNCTION
    )
    return found


def should_rotate_every_signing_secret_and_no_other(bridge: dict[str, Any]) -> None:
    schedules = resources(bridge, "AWS::SecretsManager::RotationSchedule").values()
    assert sorted(r["Properties"]["SecretId"] for r in schedules) == sorted(
        f"external-compute/prod/{entry}" for entry in SIGNING
    )
    for schedule in schedules:
        assert schedule["Properties"]["RotationRules"] == {"AutomaticallyAfterDays": 30}
        # A deployment changes no secret.
        assert schedule["Properties"]["RotateImmediatelyOnUpdate"] is False


def should_begin_when_everything_is_there_that_a_rotation_needs(bridge: dict[str, Any]) -> None:
    [database] = resources(bridge, "Custom::SupabaseBridge")
    name, properties = function(bridge)
    role = properties["Role"]["Fn::GetAtt"][0]
    policies = {
        name
        for name, r in resources(bridge, "AWS::IAM::Policy").items()
        if {"Ref": role} in r["Properties"]["Roles"]
    }
    permissions = {
        name
        for name, r in resources(bridge, "AWS::Lambda::Permission").items()
        if r["Properties"]["Principal"] == "secretsmanager.amazonaws.com"
    }
    assert len(permissions) == 1
    for schedule in resources(bridge, "AWS::SecretsManager::RotationSchedule").values():
        assert {database, name, role, *policies, *permissions} <= set(schedule["DependsOn"])


def should_be_invoked_by_secrets_manager_for_the_stages_entries_of_this_account_only(
    bridge: dict[str, Any],
) -> None:
    granted = [
        r["Properties"]
        for r in resources(bridge, "AWS::Lambda::Permission").values()
        if r["Properties"]["Principal"] == "secretsmanager.amazonaws.com"
    ]
    # The function refuses an entry that it doesn't rotate.
    assert [p["SourceArn"]["Fn::Join"][1][-1] for p in granted] == [":secret:external-compute/prod/*"]
    name, _ = function(bridge)
    for properties in granted:
        assert properties["SourceAccount"] == {"Ref": "AWS::AccountId"}
        assert properties["FunctionName"] == {"Fn::GetAtt": [name, "Arn"]}


def should_look_hourly_after_what_is_due(template: Template, bridge: dict[str, Any]) -> None:
    name, _ = function(bridge)
    template.has_resource_properties(
        "AWS::Events::Rule",
        {
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [Match.object_like({"Arn": {"Fn::GetAtt": [name, "Arn"]}, "Input": "{}"})],
        },
    )


def should_tell_the_function_how_long_an_overlap_is(bridge: dict[str, Any]) -> None:
    _, properties = function(bridge)
    variables = properties["Environment"]["Variables"]
    assert variables["OVERLAP_HOURS"] == "24"
    assert tables(bridge, "rotate_secret")["PLATFORM_TARGETS"] == []
    assert "SYNC_PLATFORM_FUNCTION" not in variables
    # Longer than the function that it waits for.
    assert properties["Timeout"] == 360


def should_leave_rotation_to_people_where_it_is_off(synthesized: Callable[..., Assembly]) -> None:
    local = synthesized("stage=local").template("local-bridge")
    assert resources(local, "AWS::SecretsManager::RotationSchedule") == {}
    assert function(local)
    assert "RotateSecretFunction" in local["Outputs"]
    assert {r["Properties"]["Principal"] for r in resources(local, "AWS::Lambda::Permission").values()} == {
        "apigateway.amazonaws.com",
        "events.amazonaws.com",
    }
