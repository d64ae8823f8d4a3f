"""Redelivery's environment, read once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.errors import SettingsError


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
        try:
            queues = json.loads(environment["QUEUES"])
            settings = cls(
                database_secret_id=environment["DATABASE_SECRET_ID"],
                database_tls=environment["DATABASE_TLS"],
                queues=queues,
            )
        except KeyError as error:
            raise SettingsError(f"the environment variable {error.args[0]} is not set") from None
        except ValueError:
            queues = None
        if not isinstance(queues, dict):
            raise SettingsError(
                f"the environment variable QUEUES must be a JSON object, not {environment['QUEUES']!r}"
            )
        return settings
