"""Nested stacks as parts of their parent: what is nested is deployed and rolled back with it."""

from collections.abc import Callable, Mapping
from typing import Any

NESTED = "AWS::CloudFormation::Stack"


def flattened(
    template: Mapping[str, Any], read: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a template with the resources of its nested stacks among its own.

    Args:
        template: the parent's.
        read: returns a nested stack's template by the logical id and the resource.
    """
    resources = dict(template.get("Resources", {}))
    values: dict[tuple[str, str], Any] = {}
    for logical_id, resource in template.get("Resources", {}).items():
        if resource["Type"] != NESTED:
            continue
        del resources[logical_id]
        nested = flattened(read(logical_id, resource), read)
        parameters = resource.get("Properties", {}).get("Parameters", {})
        resources |= _replaced(
            nested.get("Resources", {}), {(name, ""): value for name, value in parameters.items()}
        )
        values |= {
            (logical_id, f"Outputs.{name}"): output["Value"]
            for name, output in nested.get("Outputs", {}).items()
        }
    whole: dict[str, Any] = _replaced({**template, "Resources": resources}, values)
    return whole


def _replaced(value: Any, values: Mapping[tuple[str, str], Any]) -> Any:
    """Put values in place of references to parameters (name, "") and to outputs (logical id, name)."""
    match value:
        case {"Ref": str(name)} if (name, "") in values:
            return values[name, ""]
        case {"Fn::GetAtt": [str(name), str(attribute)]} if (name, attribute) in values:
            return values[name, attribute]
    if isinstance(value, dict):
        return {key: _replaced(item, values) for key, item in value.items()}
    return [_replaced(item, values) for item in value] if isinstance(value, list) else value
