"""Who may do what, in names that a person knows instead of logical ids."""

import re
from typing import Any

Allowed = dict[str, set[str]]
_ENTRY = re.compile(r":secret:external-compute/\w+/(.+)-\?{6}$")


def allowed(template: dict[str, Any], name: str) -> Allowed:
    """What a function may do: resources by action; named by handler, or by description before a colon."""
    resources = template["Resources"]
    (function,) = (r for r in resources.values() if name in _names(r))
    role = function["Properties"]["Role"]["Fn::GetAtt"][0]
    return allowed_to_role(template, role)


def allowed_to_role(template: dict[str, Any], role: str) -> Allowed:
    """What a role may do: resources by action."""
    resources = template["Resources"]
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    found: Allowed = {}
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]:
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                _add(found, statement, resources)
    return found


def readers(template: dict[str, Any]) -> dict[str, set[str]]:
    """Functions, by what their description begins with, by the entry that they may read."""
    found: dict[str, set[str]] = {}
    for resource in template["Resources"].values():
        for name in _names(resource)[:1]:
            for entry in allowed(template, name).get("secretsmanager:GetSecretValue", ()):
                found.setdefault(entry, set()).add(name)
    return found


def _names(resource: dict[str, Any]) -> list[str]:
    if resource["Type"] != "AWS::Lambda::Function":
        return []
    properties = resource["Properties"]
    description = properties.get("Description", "").partition(":")[0]
    return [description or properties["Handler"], properties["Handler"]]


def _add(found: Allowed, statement: dict[str, Any], resources: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            found.setdefault(action, set()).add(_name(resource, resources))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(reference: Any, resources: dict[str, Any]) -> str:
    match reference:
        case {"Fn::GetAtt": [logical_id, "Arn"]}:
            properties = resources[logical_id]["Properties"]
            kind = resources[logical_id]["Type"].split("::")[-1]
            return str(properties.get("QueueName") or properties.get("Handler") or kind)
        case {"Ref": logical_id} if logical_id in resources:
            return str(resources[logical_id]["Type"].split("::")[-1])
        case {"Fn::Join": [_, [*_, str(text)]]} if entry := _ENTRY.search(text):
            return entry[1]
        case _:
            return str(reference)
