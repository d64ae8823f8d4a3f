"""Values as a person reads them, and what refers to what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.review.templates import get, resource, stage
from tools.review.assembly import Stack
from tools.review.names import Names, references

OTHER = Stack(
    name="external-compute-test-secrets",
    template={
        "Resources": {"Key": resource("AWS::KMS::Key")},
        "Outputs": {
            "KeyArn": {"Value": get("Key"), "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:key"}}}
        },
    },
)
ASSEMBLY = stage(
    {
        "Queue1A2B": resource("AWS::SQS::Queue", "Worker/Queue/Resource"),
        "Database3C": resource("Custom::SupabaseBridge", "Database/Resource/Default"),
        "Bare": resource("AWS::SQS::Queue"),
    },
    others=(OTHER,),
)


def shown(value: Any) -> str:
    return Names(ASSEMBLY).shown(ASSEMBLY.stacks[0], value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        (60, "60"),
        (True, "true"),
        ({"Ref": "Queue1A2B"}, "bridge/Worker/Queue"),
        (get("Queue1A2B"), "bridge/Worker/Queue"),
        (get("Queue1A2B", "QueueName"), "bridge/Worker/Queue.QueueName"),
        ({"Fn::GetAtt": "Queue1A2B.Arn"}, "bridge/Worker/Queue"),
        ({"Ref": "Database3C"}, "bridge/Database"),
        ({"Ref": "Bare"}, "bridge/Bare"),
        ({"Ref": "Parameter"}, "${Parameter}"),
        ({"Ref": "AWS::Region"}, "…"),
        ({"Ref": "AWS::NoValue"}, "${AWS::NoValue}"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Queue1A2B"}, "b"]]}, "a/${bridge/Worker/Queue}/b"),
        ({"Fn::Sub": "x-${AWS::AccountId}-${!Bare}-${Bare}"}, "x-…-${Bare}-${bridge/Bare}"),
        ({"Fn::Sub": ["${A}${Bare.Arn}", {"A": {"Ref": "AWS::Region"}}]}, "…${bridge/Bare}"),
        ({"Fn::ImportValue": {"Fn::Sub": "${AWS::StackName}:key"}}, "secrets/Key"),
        ({"Fn::ImportValue": "elsewhere"}, "${import elsewhere}"),
        ({"Fn::GetStackOutput": {"StackName": OTHER.name, "OutputName": "KeyArn"}}, "secrets/Key"),
        ({"Fn::GetStackOutput": {"StackName": "gone", "OutputName": "X"}}, "${output X of gone}"),
        ({"Fn::If": ["Cond", {"Ref": "Bare"}, "b"]}, '{"Fn::If": ["Cond", "bridge/Bare", "b"]}'),
        ({"b": {"Ref": "Bare"}, "a": [1, "é"]}, '{"a": [1, "é"], "b": "bridge/Bare"}'),
    ],
)
def should_name_resources_by_their_place_and_keep_what_only_aws_knows(value: Any, expected: str) -> None:
    assert shown(value) == expected


def should_not_take_data_with_such_a_key_for_a_reference() -> None:
    assert shown({"Ref": "Bare", "Other": 1}) == '{"Other": 1, "Ref": "Bare"}'


def should_find_every_reference() -> None:
    value = {
        "Ref": "NotOne",
        "a": [get("A"), {"Fn::Sub": ["${B.Arn} ${!C} ${D}", {"D": {"Ref": "E"}}]}],
        "b": {"Fn::If": ["Cond", {"Fn::GetAtt": "F.Arn"}, "x"]},
    }
    assert references(value) == {"A", "B", "E", "F"}
