"""Redelivery's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.environment import required, required_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells redelivery.

    Attributes:
        database_secret_id: the Secrets Manager entry with the pooled URL.
        database_tls: disable, require, verify-ca or verify-full.
        queues: each target's queue URL.
    """

    database_secret_id: str
    database_tls: str
    queues: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read DATABASE_SECRET_ID, DATABASE_TLS and QUEUES.

        Raises:
            SettingsError: one is not set, or QUEUES is no JSON object.
        """
        return cls(
            database_secret_id=required(environment, "DATABASE_SECRET_ID"),
            database_tls=required(environment, "DATABASE_TLS"),
            queues=required_json(environment, "QUEUES", dict),
        )
