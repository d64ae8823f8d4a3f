"""What Secrets Manager, the schedule, or a person asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from rotate_secret.errors import EventError
from rotate_secret.settings import Known

Step = Literal["createSecret", "setSecret", "testSecret", "finishSecret"]
_STEPS: tuple[Step, ...] = get_args(Step)
_STEP_KEYS = ("SecretId", "ClientRequestToken", "Step")
_UPKEEP_KEYS = {"entry", "end_overlap"}
# Secrets Manager ends an ARN with a hyphen and six characters of its own.
_SUFFIX_LENGTH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """One step of a rotation, as Secrets Manager asks for it.

    Attributes:
        step: which.
        entry: the entry's short name.
        token: the id of the version that is to come into force.
    """

    step: Step
    entry: str
    token: str

    @classmethod
    def parse(cls, event: Mapping[str, Any], known: Mapping[str, Known]) -> Self:
        """Read an event; Secrets Manager may put more into it than is read.

        Raises:
            EventError: it names what is missing or isn't known.
        """
        values = [event.get(key) for key in _STEP_KEYS]
        for key, value in zip(_STEP_KEYS, values, strict=True):
            if not isinstance(value, str) or not value:
                raise EventError(f'"{key}" of the event must be text, not {value!r}')
        secret_id, token, wanted = map(str, values)
        step = next((step for step in _STEPS if step == wanted), None)
        if step is None:
            raise EventError(f'"Step" of the event is {wanted!r}, but must be one of {_listed(_STEPS)}')
        name = secret_id.split(":", 6)[-1][:-_SUFFIX_LENGTH] if secret_id.startswith("arn:") else secret_id
        entry = next((entry for entry, each in known.items() if each.secret_id == name), None)
        if entry is None:
            raise EventError(f"{secret_id!r} is no entry that this function rotates; known: {_listed(known)}")
        return cls(step=step, entry=entry, token=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepRequest:
    """What is due between rotations: {} from the schedule, or {"entry": "target-crm", "end_overlap": true}.

    Attributes:
        entries: short names of those that are meant.
        end_overlap: withdraw the previous secret now, whatever time it was promised.
    """

    entries: tuple[str, ...]
    end_overlap: bool

    @classmethod
    def parse(cls, event: Mapping[str, Any], known: Mapping[str, Known]) -> Self:
        """Read an event without a "Step".

        Raises:
            EventError: it names what isn't known.
        """
        if unknown := sorted(event.keys() - _UPKEEP_KEYS):
            raise EventError(f'the event has no "{unknown[0]}"; it may have {_listed(_UPKEEP_KEYS)}')
        wanted, end_overlap = event.get("entry"), event.get("end_overlap", False)
        if not isinstance(end_overlap, bool):
            raise EventError(f'"end_overlap" of the event must be true or false, not {end_overlap!r}')
        if wanted is None:
            return cls(entries=tuple(known), end_overlap=end_overlap)
        if not isinstance(wanted, str) or wanted not in known:
            raise EventError(f"{wanted!r} is no entry that this function rotates; known: {_listed(known)}")
        return cls(entries=(wanted,), end_overlap=end_overlap)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))
