"""What became of a target's secrets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done, and from when on it counts.

    Attributes:
        place_id: the platform's own name of the Worker or project, the same as long as it is the same one.
        written: names of what was put; those that were there already are not among them.
        effect: for people.
    """

    place_id: str
    written: tuple[str, ...]
    effect: str

    @property
    def data(self) -> dict[str, Any]:
        """As a custom resource's attributes and a direct invocation's answer have it."""
        return {"Written": ", ".join(self.written), "Effect": self.effect}


class Place(Protocol):
    """A Worker or project, as `Sync` uses it. `put` and `remove` raise SyncError."""

    def put(self, values: Mapping[str, str], *, force: bool) -> Outcome:
        """Let it have these values by name; with force, even those that it seems to have."""

    def remove(self, names: Collection[str], *, kept: Collection[str]) -> Outcome:
        """Take out what was put for the target, but for the names that another target needs in this place."""

    def close(self) -> None:
        """Close the connections."""
