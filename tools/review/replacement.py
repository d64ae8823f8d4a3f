"""Which properties CloudFormation can't change in place, by the schemas that cfn-lint brings along."""

import re
from functools import cache
from typing import Any

from cfnlint.schema import ResourceNotFoundError  # type: ignore[import-untyped]
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

# The schemas of a type are alike in all regions; this one has every type.
_REGION = "us-east-1"
NEVER, MAYBE, ALWAYS = range(3)


def replacement(type_name: str, path: tuple[str, ...]) -> int:
    """Return whether a change of a property replaces its resource: NEVER, MAYBE or ALWAYS.

    Args:
        type_name: the resource's.
        path: into its properties; an element of a list is its number.
    """
    always, maybe = _immutable(type_name)
    if any(_concerns(path, pattern) for pattern in always):
        return ALWAYS
    return MAYBE if any(_concerns(path, pattern) for pattern in maybe) else NEVER


@cache
def _immutable(type_name: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region=_REGION, resource_type=type_name).schema
    except ResourceNotFoundError:
        return [], []
    if not type_name.startswith("AWS::"):
        # A custom resource's function decides, by the id that it answers with; only another function is sure.
        return [("ServiceToken",)], []
    return _pointers(schema, "createOnlyProperties"), _pointers(schema, "conditionalCreateOnlyProperties")


def _pointers(schema: dict[str, Any], key: str) -> list[tuple[str, ...]]:
    return [tuple(pointer.split("/")[2:]) for pointer in schema.get(key) or []]


def _concerns(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether one of the two lies within the other."""
    named = tuple("*" if re.fullmatch(r"\d+", part) else part for part in path)
    return all(a == b for a, b in zip(named, pattern, strict=False))
