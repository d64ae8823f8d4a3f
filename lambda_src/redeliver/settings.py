"""Redelivery's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.environment import queue_urls, required, required_json
from redeliver.posting import HttpTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells redelivery.

    Attributes:
        database_secret_id: the Secrets Manager entry with the pooled URL.
        database_tls: disable, require, verify-ca or verify-full.
        queues: each worker's queue URL.
        targets: those outside AWS.
        allowed_target_ranges: CIDRs that these may be in besides public addresses.
    """

    database_secret_id: str
    database_tls: str
    queues: Mapping[str, str]
    targets: Mapping[str, HttpTarget]
    allowed_target_ranges: tuple[str, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read DATABASE_SECRET_ID, DATABASE_TLS, QUEUES, QUEUE_ADDRESS, TARGETS and ALLOWED_TARGET_RANGES.

        Raises:
            SettingsError: one is not set, or not the JSON that it must be.
        """
        targets = required_json(environment, "TARGETS", dict)
        return cls(
            database_secret_id=required(environment, "DATABASE_SECRET_ID"),
            database_tls=required(environment, "DATABASE_TLS"),
            queues=queue_urls(environment),
            targets={name: HttpTarget(**target) for name, target in targets.items()},
            allowed_target_ranges=tuple(required_json(environment, "ALLOWED_TARGET_RANGES", list)),
        )
