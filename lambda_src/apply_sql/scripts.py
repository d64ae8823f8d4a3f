"""The files of sql/, by when a deployment applies them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_MIGRATION = re.compile(r"(\d+\.\d+\.\d+)_[a-z0-9_]+")


def version_key(version: str) -> tuple[int, ...]:
    """Return a key that sorts versions by their numbers; ValueError if it isn't three of them."""
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A change of the schema.

    Attributes:
        version: the release that brings it.
        file: its SQL.
    """

    version: str
    file: Path

    @property
    def name(self) -> str:
        """Name in bridge.migration."""
        return self.file.stem

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read a file's name; ValueError if it isn't a version, an underscore and a subject."""
        if not (match := _MIGRATION.fullmatch(file.stem)):
            raise ValueError(f"sql/migrations/{file.name} is not named like 0.3.0_subject.sql")
        return cls(version=match[1], file=file)


@dataclass(frozen=True, kw_only=True)
class Scripts:
    """SQL files that a deployment applies.

    Attributes:
        version: the bridge's.
        requirements: checks what the database offers, and waits for other deployments; always first.
        schema: tables, types and sequences; for a first installation.
        migrations: for what an earlier version installed, in their order.
        definitions: functions and views, which each deployment makes anew, in their order.
    """

    version: str
    requirements: Path
    schema: Path
    migrations: tuple[Migration, ...]
    definitions: tuple[Path, ...]

    @classmethod
    def read(cls, directory: Path, version: str) -> Self:
        """Read the folder of a version; ValueError if a file in it is misnamed or missing."""
        requirements, schema, *definitions = sorted(directory.glob("*.sql"))
        migrations = [Migration.of(file) for file in (directory / "migrations").glob("*.sql")]
        migrations.sort(key=lambda migration: (version_key(migration.version), migration.name))
        return cls(
            version=version,
            requirements=requirements,
            schema=schema,
            migrations=tuple(migrations),
            definitions=tuple(definitions),
        )
