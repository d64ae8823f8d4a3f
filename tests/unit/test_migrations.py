"""Migrations are named so that a deployment knows their order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apply_sql.scripts import Migration, Scripts

if TYPE_CHECKING:
    from collections.abc import Callable

SQL = Path(__file__).parents[2] / "sql"


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def make(*migrations: str) -> Path:
        for name in ("02_schema.sql", "01_requirements.sql", "04_b.sql", "03_a.sql", "README.md"):
            (tmp_path / name).touch()
        (tmp_path / "migrations").mkdir()
        for name in migrations:
            (tmp_path / "migrations" / name).touch()
        return tmp_path

    return make


def should_order_migrations_by_version_then_subject(folder: Callable[..., Path]) -> None:
    directory = folder("0.10.0_a.sql", "0.9.0_b.sql", "0.9.0_a_2.sql", "README.md")

    scripts = Scripts.read(directory, "0.10.0")

    assert [each.name for each in scripts.migrations] == ["0.9.0_a_2", "0.9.0_b", "0.10.0_a"]


def should_tell_the_schema_from_what_is_made_anew(folder: Callable[..., Path]) -> None:
    scripts = Scripts.read(folder(), "0.2.0")

    assert (scripts.requirements.name, scripts.schema.name) == ("01_requirements.sql", "02_schema.sql")
    assert [file.name for file in scripts.definitions] == ["03_a.sql", "04_b.sql"]


@pytest.mark.parametrize("name", ["0.3_a.sql", "0.3.0.sql", "0.3.0_A.sql", "0.3.0-a.sql", "a.sql"])
def should_refuse_a_migration_without_a_version_or_a_subject(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not named like 0\.3\.0_subject\.sql"):
        Migration.of(Path(name))


def should_make_tables_in_the_schema_alone() -> None:
    scripts = Scripts.read(SQL, "0.0.0")
    definitions = "".join(file.read_text("utf-8") for file in scripts.definitions).lower()

    for kind in ("table", "unlogged table", "sequence", "type", "index"):
        assert f"create {kind} " not in definitions
