"""Nested stacks are shown as parts of their parent."""

from __future__ import annotations

from typing import Any

from tools.review.nesting import flattened

PARENT = {
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "Nested": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"Parameters": {"queue": {"Fn::GetAtt": ["Queue", "Arn"]}}},
        },
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"IntegrationUri": {"Fn::GetAtt": ["Nested", "Outputs.function"]}},
        },
    }
}
NESTED: dict[str, Any] = {
    "Parameters": {"queue": {"Type": "String"}},
    "Resources": {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Queues": [{"Ref": "queue"}]}},
    },
    "Outputs": {"function": {"Value": {"Fn::GetAtt": ["Function", "Arn"]}}},
}


def should_lead_references_through_parameters_and_outputs() -> None:
    whole = flattened(PARENT, lambda logical_id, _: {"Nested": NESTED}[logical_id])
    assert whole["Resources"].keys() == {"Queue", "Function", "Integration"}
    function = whole["Resources"]["Function"]["Properties"]
    assert function == {"Queues": [{"Fn::GetAtt": ["Queue", "Arn"]}]}
    integration = whole["Resources"]["Integration"]["Properties"]
    assert integration == {"IntegrationUri": {"Fn::GetAtt": ["Function", "Arn"]}}


def should_leave_a_template_without_nested_stacks_alone() -> None:
    alone = {"Resources": {"Queue": PARENT["Resources"]["Queue"]}}
    assert flattened(alone, lambda *_: {}) == alone
