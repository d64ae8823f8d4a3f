"""What is found in the template of the stack that carries messages."""

import json
from typing import Any


def functions(bridge: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        resource["Properties"]["Handler"].split(".")[0]: resource["Properties"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def tables(bridge: dict[str, Any], package: str) -> dict[str, Any]:
    """What a function reads from the file beside its code."""
    (found,) = (
        resource["Metadata"]["Tables"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
        and resource["Properties"]["Handler"].startswith(f"{package}.")
    )
    return dict(found)


def custom_resource(bridge: dict[str, Any]) -> dict[str, Any]:
    (resource,) = (r for r in bridge["Resources"].values() if r["Type"] == "Custom::SupabaseBridge")
    return dict(resource)


def declaration(bridge: dict[str, Any]) -> dict[str, Any]:
    parts = custom_resource(bridge)["Properties"]["Declaration"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "REFERENCE" for part in parts)
    return dict(json.loads(text))
