"""The function's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bridge.environment import required, required_json

ASSET = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells apply_sql.

    Attributes:
        database_secret_id: the Secrets Manager entry with the direct URL.
        signing_secret_id: the entry with "current" and "previous" that signs for the API.
        target_secret_ids: the like of each target outside AWS, by its name.
        database_tls: disable, require, verify-ca or verify-full.
        sql_directory: sql/, as `Scripts` reads it.
    """

    database_secret_id: str
    signing_secret_id: str
    target_secret_ids: Mapping[str, str]
    database_tls: str
    sql_directory: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read DATABASE_DIRECT_SECRET_ID, DATABASE_TLS, SQL_DIRECTORY, and what signs.

        That is WEBHOOK_SIGNING_SECRET_ID, and TARGET_SECRET_IDS (JSON: entries by targets).

        Raises:
            SettingsError: one is not set, or not what it must be.
        """
        return cls(
            database_secret_id=required(environment, "DATABASE_DIRECT_SECRET_ID"),
            signing_secret_id=required(environment, "WEBHOOK_SIGNING_SECRET_ID"),
            target_secret_ids=required_json(environment, "TARGET_SECRET_IDS", dict),
            database_tls=required(environment, "DATABASE_TLS"),
            sql_directory=ASSET / required(environment, "SQL_DIRECTORY"),
        )
