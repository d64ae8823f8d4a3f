"""What CloudFormation, or a person, asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from sync_platform.errors import EventError
from sync_platform.targets import Target

_KEYS = {"target", "force"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """A Create, Update or Delete of `Custom::PlatformSecrets`.

    Attributes:
        kind: which of them.
        target: as the resource's properties name it.
        place_id: the resource's physical id; "" when it is created.
    """

    kind: Literal["Create", "Update", "Delete"]
    target: Target
    place_id: str

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Self:
        """Read an event of CDK's provider framework; a missing property raises KeyError with its name."""
        return cls(
            kind=event["RequestType"],
            target=Target.parse(event["ResourceProperties"]),
            place_id=event.get("PhysicalResourceId") or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRequest:
    """What a person, or a rotation, sends: {"target": "crm"}, or {} for all targets.

    Attributes:
        targets: those that are meant.
        force: write also what seems to be there already.
    """

    targets: tuple[Target, ...]
    force: bool

    @classmethod
    def parse(cls, event: Mapping[str, Any], known: Mapping[str, Target]) -> Self:
        """Read an event, for the targets that are declared.

        Raises:
            EventError: it names what isn't known.
        """
        if unknown := sorted(event.keys() - _KEYS):
            raise EventError(f'the event has no "{unknown[0]}"; it may have {_listed(_KEYS)}')
        wanted, force = event.get("target"), event.get("force", False)
        if not isinstance(force, bool):
            raise EventError(f'"force" of the event must be true or false, not {force!r}')
        if wanted is None:
            return cls(targets=tuple(known.values()), force=force)
        if not isinstance(wanted, str) or wanted not in known:
            raise EventError(f"{wanted!r} is no target that is kept in step; known: {_listed(known)}")
        return cls(targets=(known[wanted],), force=force)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names)) or "none"
