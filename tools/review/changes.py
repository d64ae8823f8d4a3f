"""What a deployment would do to each resource, by comparing templates as CloudFormation does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tools.review.assembly import Assembly, Stack
from tools.review.differences import ABSENT, Difference, differences
from tools.review.names import Names, intrinsic, references
from tools.review.replacement import ALWAYS, MAYBE, NEVER, replacement

# Where code is named by the hash of its contents.
_CODE = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}
# They never change: each change of code or settings publishes another.
_VERSIONS = {"AWS::Lambda::Version", "AWS::Lambda::LayerVersion"}
# In a function's Metadata: what bridge.toml says, in the file that the code reads.
_TABLES = "Tables"
# What else of a resource has an effect: DependsOn and other Metadata change nothing by themselves.
_ATTRIBUTES = ("Condition", "CreationPolicy", "DeletionPolicy", "UpdatePolicy", "UpdateReplacePolicy")
# Before their names in a path, to tell them from properties.
_OF_RESOURCE = ""


class Kind(StrEnum):
    """What happens to a resource."""

    ADDED = "added"
    CHANGED = "changed"
    CODE = "code changed"
    PUBLISHED = "new version"
    MAY = "may be replaced"
    REPLACED = "replaced"
    REMOVED = "removed"


# Other names and ARNs come with these.
_ANOTHER = (Kind.REPLACED, Kind.MAY, Kind.PUBLISHED)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource.

    Attributes:
        stack: its name.
        place: its path.
        type: as CloudFormation names it.
        kind: what happens.
        properties: what of it changes, one line each.
        kept: for what goes, whether AWS keeps it: its DeletionPolicy or UpdateReplacePolicy.
    """

    stack: str
    place: str
    type: str
    kind: Kind
    properties: tuple[str, ...] = ()
    kept: str = ""


def changes(base: Assembly, head: Assembly) -> list[Change]:
    """Return what happens to the resources of all stacks, in the order of the stacks and paths."""
    old, new = Names(base), Names(head)
    before, after = ({stack.name: stack for stack in each.stacks} for each in (base, head))
    found: list[Change] = []
    # Those that are gone at the end.
    for name in dict.fromkeys([*after, *before]):
        empty = Stack(name=name, template={})
        compared = _Comparison(_Side(old, before.get(name, empty)), _Side(new, after.get(name, empty)))
        found += sorted(compared.changes(), key=lambda change: (change.place, change.type, change.kind))
    return found


@dataclass(frozen=True)
class _Side:
    """A stack as it was, or as it is to be."""

    names: Names
    stack: Stack

    @property
    def resources(self) -> Mapping[str, Any]:
        return self.stack.resources

    def change(self, logical_id: str, kind: Kind, *properties: str, kept: str = "") -> Change:
        return Change(
            stack=self.names.assembly.short(self.stack.name),
            place=self.names.place(self.stack, logical_id),
            type=self.resources[logical_id]["Type"],
            kind=kind,
            properties=properties,
            kept=kept,
        )

    def shown(self, value: Any) -> str:
        """A short value; nothing where it is too long to be read in a table."""
        text = "" if value is ABSENT else self.names.shown(self.stack, value)
        return text if len(text) <= 60 and "\n" not in text else ""  # noqa: PLR2004 - letters in a line


class _Comparison:
    """One stack of both."""

    def __init__(self, before: _Side, after: _Side) -> None:
        self._before, self._after = before, after
        # Logical ids now, by those before, of what is at the same place: versions get others with the code.
        self._recreated = dict(self._pairs())

    def changes(self) -> Iterator[Change]:
        before, after = self._before.resources, self._after.resources
        found = {id_: self._changed(id_, id_) for id_ in after if id_ in before}
        found |= {id_: self._changed(gone, id_) for gone, id_ in self._recreated.items()}
        self._follow(found)
        yield from (change for change in found.values() if change)
        for id_ in after.keys() - found.keys():
            yield self._after.change(id_, Kind.ADDED)
        for id_ in before.keys() - after.keys() - self._recreated.keys():
            yield self._before.change(id_, Kind.REMOVED, kept=_policy(before[id_], "DeletionPolicy"))

    def _pairs(self) -> Iterator[tuple[str, str]]:
        before, after = self._before.resources, self._after.resources
        new = {
            (_path(each), each["Type"]): id_
            for id_, each in after.items()
            if id_ not in before and _path(each)
        }
        for id_, each in before.items():
            if id_ not in after and (other := new.get((_path(each), each["Type"]))):
                yield id_, other

    def _changed(self, old_id: str, new_id: str) -> Change | None:
        before, after = self._before.resources[old_id], self._after.resources[new_id]
        type_name = after["Type"]
        renamed = self._renamed(before)
        found = list(differences(renamed.get("Properties", {}), after.get("Properties", {})))
        for each in _ATTRIBUTES:
            found += differences(renamed.get(each, ABSENT), after.get(each, ABSENT), (_OF_RESOURCE, each))
        found += differences(_tables(before), _tables(after), (_OF_RESOURCE, _TABLES))
        lines = [self._line(each) for each in found if not _of_code(type_name, each)]
        if len(lines) < len(found):
            lines.insert(0, "its code")
        kind = _kind(type_name, found)
        if before["Type"] != type_name:
            kind, lines = Kind.REPLACED, [f"Type: {before['Type']} → {type_name}"]
        elif old_id != new_id and type_name in _VERSIONS:
            kind = Kind.PUBLISHED
        elif old_id != new_id:
            kind, lines = Kind.REPLACED, ["its logical id", *lines]
        if kind is None:
            return None
        kept = _policy(before, "UpdateReplacePolicy") if kind in {Kind.REPLACED, Kind.MAY} else ""
        return self._after.change(new_id, kind, *lines, kept=kept)

    def _renamed(self, value: Any) -> Any:
        """What was before, referring to what has another logical id now by that."""
        match intrinsic(value):
            case ("Ref", name):
                return {"Ref": self._recreated.get(name, name)}
            case ("Fn::GetAtt", [str(name), attribute]):
                return {"Fn::GetAtt": [self._recreated.get(name, name), attribute]}
        if isinstance(value, dict):
            return {key: self._renamed(each) for key, each in value.items()}
        return [self._renamed(each) for each in value] if isinstance(value, list) else value

    def _follow(self, found: dict[str, Change | None]) -> None:
        """Change what refers to something that is replaced, and replace what can't change that."""
        waiting = [id_ for id_, change in found.items() if change and change.kind in _ANOTHER]
        done: set[str] = set()
        while waiting:
            source = waiting.pop(0)
            done.add(source)
            for id_ in [each for each in found if each != source]:
                before = found[id_]
                after = found[id_] = self._following(id_, source, found)
                if after and after.kind in _ANOTHER and (before is None or before.kind not in _ANOTHER):
                    waiting += [id_] if id_ not in done else []

    def _following(self, id_: str, source: str, found: Mapping[str, Change | None]) -> Change | None:
        """What happens to a resource as another one that it may refer to is replaced."""
        resource, change, by = self._after.resources[id_], found[id_], found[source]
        properties = [
            name for name, value in resource.get("Properties", {}).items() if source in references(value)
        ]
        if not properties or by is None:
            return change
        change = change or self._after.change(id_, Kind.CODE)
        worst = max(replacement(resource["Type"], (name,)) for name in properties)
        lines = dict.fromkeys([*change.properties, *(f"{name} follows {by.place}" for name in properties)])
        kind = _worse(change.kind, _kind_of_follower(worst, by.kind, resource["Type"]))
        kept = _policy(resource, "UpdateReplacePolicy") if kind in {Kind.REPLACED, Kind.MAY} else ""
        return replace(change, kind=kind, properties=tuple(lines), kept=kept)

    def _line(self, difference: Difference) -> str:
        path = ".".join(part for part in difference.path if part != _OF_RESOURCE)
        before, after = self._before.shown(difference.before), self._after.shown(difference.after)
        if difference.before is ABSENT:
            return f"{path}: set to {after}" if after else f"{path}: set"
        if difference.after is ABSENT:
            return f"{path}: taken out"
        return f"{path}: {before} → {after}" if before and after and before != after else path


def _kind(type_name: str, found: list[Difference]) -> Kind | None:
    if not found:
        return None
    if type_name in _VERSIONS:
        return Kind.PUBLISHED
    worst = max(replacement(type_name, each.path) for each in found)
    if worst != NEVER:
        return Kind.REPLACED if worst == ALWAYS else Kind.MAY
    return Kind.CODE if all(_of_code(type_name, each) for each in found) else Kind.CHANGED


def _kind_of_follower(worst: int, by: Kind, type_name: str) -> Kind:
    if type_name in _VERSIONS:
        return Kind.PUBLISHED
    if worst == NEVER:
        return Kind.CODE if by is Kind.PUBLISHED else Kind.CHANGED
    return Kind.MAY if worst == MAYBE or by is Kind.MAY else Kind.REPLACED


def _worse(one: Kind, other: Kind) -> Kind:
    order = [Kind.CODE, Kind.CHANGED, Kind.PUBLISHED, Kind.MAY, Kind.REPLACED]
    return max(one, other, key=order.index)


def _of_code(type_name: str, difference: Difference) -> bool:
    return difference.path[:1] == (_CODE.get(type_name),)


def _tables(resource: Mapping[str, Any]) -> Any:
    return resource.get("Metadata", {}).get(_TABLES, {})


def _path(resource: Mapping[str, Any]) -> str:
    return str(resource.get("Metadata", {}).get("aws:cdk:path", ""))


def _policy(resource: Mapping[str, Any], name: str) -> str:
    return str(resource.get(name, "Delete"))
