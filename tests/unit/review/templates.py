"""Made-up stages, small enough to be read."""

from __future__ import annotations

from typing import Any

from tools.review.assembly import Assembly, Stack

NAME = "external-compute-test-bridge"


def resource(type_name: str, path: str = "", /, **properties: Any) -> dict[str, Any]:
    """A resource as the CDK writes it; without a path, as somebody else would."""
    metadata = {"Metadata": {"aws:cdk:path": f"{NAME}/{path}"}} if path else {}
    return {"Type": type_name, "Properties": properties, **metadata}


def stage(
    resources: dict[str, Any] | None = None,
    *,
    metadata: dict[str, Any] | None = None,
    others: tuple[Stack, ...] = (),
    annotated: bool = True,
) -> Assembly:
    """A stage named test with the stack bridge, and others."""
    stack = Stack(name=NAME, template={"Resources": resources or {}}, metadata=metadata or {})
    return Assembly(stage="test", stacks=(stack, *others), sql={}, annotated=annotated)


def acknowledged(rule: str, reason: str) -> dict[str, Any]:
    return {"type": "aws:cdk:acknowledged-rules", "data": {f"Annotation::{rule}": reason}}


def get(logical_id: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def secret_arn(entry: str) -> dict[str, Any]:
    """As the CDK joins it for a stack of no account and region."""
    parts = ["arn:", {"Ref": "AWS::Partition"}, ":secretsmanager:", {"Ref": "AWS::Region"}, ":"]
    return {"Fn::Join": ["", [*parts, {"Ref": "AWS::AccountId"}, f":secret:{entry}"]]}


def policy(*statements: dict[str, Any], role: str = "Role") -> dict[str, Any]:
    return resource(
        "AWS::IAM::Policy",
        "Role/DefaultPolicy/Resource",
        PolicyDocument={"Statement": list(statements)},
        Roles=[{"Ref": role}],
    )


def allow(action: Any, on: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}
