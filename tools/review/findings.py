"""Findings of cdk-nag that are acknowledged, and warnings of synth: it notes both beside the templates."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.review.assembly import Assembly, Stack
from tools.review.names import Names

_ACKNOWLEDGED = "aws:cdk:acknowledged-rules"
_WARNING = "aws:cdk:warning"
# What `Validations` puts before the rule.
_PREFIX = "Annotation::"


@dataclass(frozen=True, order=True, kw_only=True)
class Finding:
    """A rule, why it doesn't apply, and where: on the construct at `place`, and below it."""

    rule: str
    reason: str
    place: str


def findings(assembly: Assembly) -> list[Finding]:
    """Return what is acknowledged, in a fixed order."""
    found = {
        Finding(rule=rule, reason=reason, place=_place(assembly, stack, path))
        for stack in assembly.stacks
        for path in stack.metadata
        for rule, reason in _rules(stack, path)
    }
    return sorted(found)


def warnings(assembly: Assembly) -> list[tuple[str, str]]:
    """Return what synth warns of: place and sentence."""
    found = {
        (_place(assembly, stack, path), str(entry["data"]))
        for stack in assembly.stacks
        for path, entries in stack.metadata.items()
        for entry in entries
        if entry["type"] == _WARNING
    }
    return sorted(found)


def acknowledged_at(names: Names, stack: Stack, logical_id: str, rule: str) -> str:
    """Return why a rule doesn't apply to a resource, or to a construct that it is in; "" where it does."""
    path = str(stack.resources[logical_id].get("Metadata", {}).get("aws:cdk:path", ""))
    parts = path.split("/") if names.assembly.annotated else []
    for length in range(len(parts), 0, -1):
        for known, reason in _rules(stack, "/" + "/".join(parts[:length])):
            if known.partition("[")[0] == rule:
                return reason
    return ""


def _rules(stack: Stack, path: str) -> Iterator[tuple[str, str]]:
    for entry in stack.metadata.get(path, []):
        if entry["type"] == _ACKNOWLEDGED:
            for rule, reason in entry["data"].items():
                yield rule.removeprefix(_PREFIX), str(reason)


def _place(assembly: Assembly, stack: Stack, path: str) -> str:
    inner = path.strip("/").removeprefix(stack.name).strip("/")
    short = assembly.short(stack.name)
    return f"{short}/{inner}" if inner else short
