"""Every IAM statement of the templates: roles' own, and those of resources."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.review.assembly import Assembly, Stack
from tools.review.names import Names, listed, references

# Properties that name the role which something runs with.
_RUNS_WITH = ("Role", "RoleArn", "ExecutionRoleArn")
_HOLDERS = ("Roles", "Users", "Groups", "RoleName", "UserName", "GroupName")
# What a resource's policy is attached to, where it is not part of that resource.
_ATTACHED = ("Queues", "Topics", "Bucket", "SecretId", "FunctionName", "Table")
_IDENTITY = (
    *("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"),
    *("AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"),
)


@dataclass(frozen=True, order=True, kw_only=True)
class Statement:
    """One statement, in names that a person knows.

    Attributes:
        who: the function, or else the role, that may do it; for a resource's policy, whom it lets in.
        on: the resource whose policy it is; "" for a role's.
        effect: Allow or Deny.
        actions: sorted.
        resources: sorted.
        conditions: as JSON; "" without.
    """

    on: str
    who: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: str = ""

    @property
    def grants(self) -> set[tuple[str, ...]]:
        """Each single action on each single resource."""
        frame = (self.on, self.who, self.effect, self.conditions)
        return {(*frame, action, resource) for action in self.actions for resource in self.resources}


def statements(assembly: Assembly) -> list[Statement]:
    """Return all of them, in a fixed order and each once."""
    return sorted({each for stack in assembly.stacks for each in _Reader(Names(assembly), stack).read()})


class _Reader:
    """Reads one stack."""

    def __init__(self, names: Names, stack: Stack) -> None:
        self._names, self._stack = names, stack

    def read(self) -> Iterator[Statement]:
        for logical_id, resource in self._stack.resources.items():
            properties = resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group":
                    yield from self._role(logical_id, properties)
                case kind if kind in _IDENTITY:
                    for who in self._holders(logical_id, properties):
                        yield from self._identity(who, properties.get("PolicyDocument", {}))
                case "AWS::Lambda::Permission" | "AWS::Lambda::LayerVersionPermission":
                    yield self._permission(properties)
                case _:
                    yield from self._resource(logical_id, properties)

    def _role(self, logical_id: str, properties: Mapping[str, Any]) -> Iterator[Statement]:
        who = self._runner(logical_id)
        for policy in properties.get("Policies", []):
            yield from self._identity(who, policy.get("PolicyDocument", {}))
        for arn in properties.get("ManagedPolicyArns", []):
            yield Statement(
                on="",
                who=who,
                effect="Allow",
                actions=("whatever the managed policy allows",),
                resources=(self._text(arn),),
            )
        if trust := properties.get("AssumeRolePolicyDocument"):
            yield from self._statements(trust, on=self._names.place(self._stack, logical_id), who=None)

    def _runner(self, role: str) -> str:
        """What runs with a role, else the role itself."""
        found = sorted(
            self._names.place(self._stack, logical_id)
            for logical_id, resource in self._stack.resources.items()
            for name in _RUNS_WITH
            if role in references(resource.get("Properties", {}).get(name))
        )
        return ", ".join(found) or self._names.place(self._stack, role)

    def _holders(self, logical_id: str, properties: Mapping[str, Any]) -> list[str]:
        found = []
        for holder in (each for name in _HOLDERS for each in listed(properties.get(name, []))):
            known = references(holder) & self._stack.resources.keys()
            found.append(self._runner(known.pop()) if known else self._text(holder))
        return found or [self._names.place(self._stack, logical_id)]

    def _identity(self, who: str, document: Mapping[str, Any]) -> Iterator[Statement]:
        yield from self._statements(document, on="", who=who)

    def _permission(self, properties: Mapping[str, Any]) -> Statement:
        conditions = {
            name: properties[name]
            for name in (
                "SourceArn",
                "SourceAccount",
                "PrincipalOrgID",
                "EventSourceToken",
                "FunctionUrlAuthType",
            )
            if name in properties
        }
        function = self._text(properties.get("FunctionName") or properties.get("LayerVersionArn"))
        return Statement(
            on=function,
            who=self._text(properties.get("Principal", "")),
            effect="Allow",
            actions=(self._text(properties.get("Action", "")),),
            resources=(function,),
            conditions=self._json(conditions),
        )

    def _resource(self, logical_id: str, properties: Mapping[str, Any]) -> Iterator[Statement]:
        attached = [self._text(each) for name in _ATTACHED for each in listed(properties.get(name, []))]
        on = ", ".join(sorted(attached)) or self._names.place(self._stack, logical_id)
        for value in properties.values():
            for document in _documents(value):
                yield from self._statements(document, on=on, who=None)

    def _statements(self, document: Mapping[str, Any], *, on: str, who: str | None) -> Iterator[Statement]:
        for each in listed(document.get("Statement", [])):
            yield Statement(
                on=on,
                who=self._principal(each) if who is None else who,
                effect=str(each.get("Effect", "")),
                actions=self._items(each, "Action"),
                resources=self._items(each, "Resource") or ((on,) if on else ()),
                conditions=self._json(each["Condition"]) if each.get("Condition") else "",
            )

    def _principal(self, statement: Mapping[str, Any]) -> str:
        but = "all but " if "NotPrincipal" in statement else ""
        principal = statement.get("NotPrincipal") if but else statement.get("Principal", "")
        if not isinstance(principal, dict):
            return but + self._text(principal)
        found = [self._text(each) for value in principal.values() for each in listed(value)]
        return but + ", ".join(sorted(found))

    def _items(self, statement: Mapping[str, Any], name: str) -> tuple[str, ...]:
        found = sorted(self._text(each) for each in listed(statement.get(name, [])))
        excepted = sorted(self._text(each) for each in listed(statement.get(f"Not{name}", [])))
        return (*found, *([f"all but {', '.join(excepted)}"] if excepted else []))

    def _text(self, value: Any) -> str:
        return self._names.shown(self._stack, value)

    def _json(self, value: Mapping[str, Any]) -> str:
        if not value:
            return ""
        resolved = self._names.resolved(self._stack, value)
        # As it was read, but for the stage's own names.
        return self._text(json.dumps(resolved, ensure_ascii=False, sort_keys=True))


def _documents(value: Any) -> Iterator[Mapping[str, Any]]:
    """The policies within a property."""
    if isinstance(value, dict) and "Statement" in value:
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _documents(each)
