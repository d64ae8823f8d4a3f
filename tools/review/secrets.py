"""Every entry of Secrets Manager, and who may read and write it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tools.review.assembly import Assembly
from tools.review.names import Names, references
from tools.review.permissions import Statement

_READ = ("secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue")
_WRITE = (
    *("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret", "secretsmanager:DeleteSecret"),
    *(
        "secretsmanager:RotateSecret",
        "secretsmanager:PutResourcePolicy",
        "secretsmanager:UpdateSecretVersionStage",
    ),
)
# Secrets Manager appends six characters of its own choice to a name.
_SUFFIX = "-xxxxxx"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry.

    Attributes:
        name: as in Secrets Manager.
        about: what its description says.
        filled: who makes its value.
        readers: functions and roles whose statements let them read it.
        writers: those that may change, rotate or delete it.
    """

    name: str
    about: str
    filled: str
    readers: tuple[str, ...]
    writers: tuple[str, ...]


def entries(assembly: Assembly, statements: Iterable[Statement]) -> list[Entry]:
    """Return a stage's, by name. Denials and conditions are not weighed: more may be named than get in."""
    names = Names(assembly)
    allowed = [each for each in statements if each.effect == "Allow"]
    found = []
    for stack, logical_id, properties in assembly.of_type("AWS::SecretsManager::Secret"):
        place = names.place(stack, logical_id)
        name = names.shown(stack, properties["Name"]) if "Name" in properties else place
        found.append(
            Entry(
                name=name,
                about=names.shown(stack, properties.get("Description", "")),
                filled=_filled(assembly, properties, name, logical_id),
                readers=_holders(allowed, _READ, name, place),
                writers=_holders(allowed, _WRITE, name, place),
            )
        )
    return sorted(found, key=lambda entry: entry.name)


def readers(found: Iterable[Entry]) -> set[tuple[str, str]]:
    """Return each pair of an entry and one who reads it."""
    return {(entry.name, reader) for entry in found for reader in entry.readers}


def _filled(assembly: Assembly, properties: Mapping[str, Any], name: str, logical_id: str) -> str:
    by = "generated" if "GenerateSecretString" in properties else "by hand"
    for _, _, schedule in assembly.of_type("AWS::SecretsManager::RotationSchedule"):
        target = schedule.get("SecretId")
        if target == name or logical_id in references(target):
            rules = schedule.get("RotationRules", {})
            every = rules.get("AutomaticallyAfterDays") or rules.get("ScheduleExpression")
            return (
                f"{by}, rotated every {every} days" if isinstance(every, int) else f"{by}, rotated: {every}"
            )
    return by


def _holders(allowed: Iterable[Statement], actions: Iterable[str], name: str, place: str) -> tuple[str, ...]:
    found = {
        each.who
        for each in allowed
        # A resource's own policy is about that resource, whatever it names.
        if each.on in {"", name, place}
        and any(_matches(pattern, action) for pattern in each.actions for action in actions)
        and any(_is_of(resource, name, place) for resource in each.resources)
    }
    return tuple(sorted(found))


def _is_of(resource: str, name: str, place: str) -> bool:
    if resource == place or resource.startswith("all but "):
        return True
    secret = re.sub(r"^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:", "", resource)
    return _matches(secret, name + _SUFFIX) or secret == name


def _matches(pattern: str, text: str) -> bool:
    """As IAM compares: * and ? only, and actions in any case."""
    if pattern.startswith("all but "):
        return True
    return fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))
