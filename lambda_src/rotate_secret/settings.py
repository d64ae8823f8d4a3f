"""The function's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from bridge.environment import required, required_json
from bridge.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An entry that is rotated.

    Attributes:
        secret_id: its name in Secrets Manager.
        target: the target outside AWS that it signs for; None: the API.
        on_platform: whether sync_platform keeps the target's platform in step.
    """

    secret_id: str
    target: str | None = None
    on_platform: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells rotate_secret.

    Attributes:
        entries: those that are rotated, by the last part of their names: "webhook-signing", "target-crm".
        overlap: how long the previous secret stays valid, at least.
        sync_function: the name of sync_platform's function; "" where there is none.
        database_secret_id: the Secrets Manager entry with the pooled URL.
        database_tls: disable, require, verify-ca or verify-full.
    """

    entries: Mapping[str, Known]
    overlap: timedelta
    sync_function: str
    database_secret_id: str
    database_tls: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read WEBHOOK_SIGNING_SECRET_ID, TARGET_SECRET_IDS (JSON: entries by targets), and the others.

        OVERLAP_HOURS, PLATFORM_TARGETS (JSON: names of targets), SYNC_PLATFORM_FUNCTION if there are any,
        DATABASE_SECRET_ID, DATABASE_TLS.

        Raises:
            SettingsError: one is not set, or not what it must be.
        """
        on_platform = required_json(environment, "PLATFORM_TARGETS", list)
        entries = [
            Known(secret_id=required(environment, "WEBHOOK_SIGNING_SECRET_ID")),
            *(
                Known(secret_id=secret_id, target=target, on_platform=target in on_platform)
                for target, secret_id in required_json(environment, "TARGET_SECRET_IDS", dict).items()
            ),
        ]
        return cls(
            entries={known.secret_id.rpartition("/")[2]: known for known in entries},
            overlap=_hours(environment, "OVERLAP_HOURS"),
            sync_function=required(environment, "SYNC_PLATFORM_FUNCTION") if on_platform else "",
            database_secret_id=required(environment, "DATABASE_SECRET_ID"),
            database_tls=required(environment, "DATABASE_TLS"),
        )


def _hours(environment: Mapping[str, str], name: str) -> timedelta:
    text = required(environment, name)
    if not text.isdecimal() or not int(text):
        raise SettingsError(f"the environment variable {name} must be a number of hours, not {text!r}")
    return timedelta(hours=int(text))
