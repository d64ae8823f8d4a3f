"""What an entry holds: the secret in force, the one before it, and until when that one is valid."""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import choice
from typing import Any, Self

from rotate_secret.errors import VersionError

# 64 of these are base64 of 48 bytes, like what the secrets stack generates; Standard Webhooks wants 24 to 64.
_CHARACTERS = string.ascii_letters + string.digits
_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """A version's value.

    Attributes:
        current: base64, with or without "whsec_".
        previous: the like; "" when it is withdrawn.
        previous_until: when it will be; None until the overlap's end is set.
    """

    current: str
    previous: str = ""
    previous_until: datetime | None = None

    @classmethod
    def parse(cls, secret_id: str, text: str) -> Self:
        """Read a version's text.

        Raises:
            VersionError: it is not what the members are described as; the value is not shown.
        """
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("current"), str) or not value["current"]:
            raise VersionError(
                f'secret "{secret_id}" holds no signing secret in "current": put one there, base64 of 24 to'
                " 64 bytes"
            )
        return cls(
            current=value["current"],
            previous=value.get("previous") or "",
            previous_until=_time(secret_id, value),
        )

    @property
    def text(self) -> str:
        """As the entry holds it."""
        value = {"current": self.current, "previous": self.previous}
        if self.previous_until:
            value["previous_until"] = self.previous_until.astimezone(UTC).isoformat(timespec="seconds")
        return json.dumps(value)

    def successor(self) -> "Signing":
        """A new secret, with this one's as the one before it."""
        return Signing(current="".join(choice(_CHARACTERS) for _ in range(_LENGTH)), previous=self.current)

    def alone(self) -> "Signing":
        """The same without the one before it."""
        return Signing(current=self.current)


def keys(*signings: Signing) -> list[str]:
    """All secrets of some values as Vault has them, without prefix, each once, the newest first."""
    members = (member for signing in signings for member in (signing.current, signing.previous) if member)
    return list(dict.fromkeys(member.removeprefix("whsec_") for member in members))


def _time(secret_id: str, value: Mapping[str, Any]) -> datetime | None:
    text = value.get("previous_until") or None
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise VersionError(
            f'"previous_until" of secret "{secret_id}" must be a time like 2026-11-23T15:00:00+00:00,'
            f" not {text!r}"
        )
    return time
