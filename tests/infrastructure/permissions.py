"""Who may do what, in names that a person knows instead of logical ids."""

from typing import Any

Allowed = dict[str, set[str]]


def allowed(template: dict[str, Any], handler: str) -> Allowed:
    """What the function with this handler may do: resources by action."""
    resources = template["Resources"]
    (function,) = (r for r in resources.values() if r["Properties"].get("Handler") == handler)
    role = function["Properties"]["Role"]["Fn::GetAtt"][0]
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    found: Allowed = {}
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]:
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                _add(found, statement, resources)
    return found


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
        case {"Fn::ImportValue": name}:
            return (
                "webhook-signing" if "WebhookSigning" in name else "database" if "Database" in name else name
            )
        case _:
            return str(reference)
