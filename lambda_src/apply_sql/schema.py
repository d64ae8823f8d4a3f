"""Brings schema bridge to a version: as a whole, or by migrations from what an earlier one installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors as postgres
from psycopg import sql

from apply_sql.errors import RequirementError, describe
from apply_sql.scripts import Scripts, version_key

Connection = psycopg.Connection[tuple[Any, ...]]
BUSY = (postgres.LockNotAvailable, postgres.DeadlockDetected, postgres.SerializationFailure)
"""Errors that the same transaction may not meet again."""

_SETTINGS = """
select name, setting, reset_val from pg_catalog.pg_settings where context in ('user', 'superuser')
"""
# The session's first: it is what the local one hides until the transaction ends.
_PUT_BACK = """
select pg_catalog.set_config(%(name)s, %(reset)s, false), pg_catalog.set_config(%(name)s, %(value)s, true)
"""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """State of schema bridge in a database.

    Attributes:
        version: of its functions and views; None: they were removed, or applied by hand.
        owner: who declared its webhooks; None: nobody any more, and what is left are undelivered messages.
        migrations: names of those that its schema has.
    """

    version: str | None
    owner: str | None
    migrations: frozenset[str]

    def newer_than(self, scripts: Scripts) -> str | None:
        """Say what it has that a version doesn't know; None: nothing."""
        if self.version and version_key(self.version) > version_key(scripts.version):
            return f"version {self.version}"
        unknown = self.migrations - {migration.name for migration in scripts.migrations}
        return f"the schema of {', '.join(sorted(unknown))}" if unknown else None


def apply_scripts(connection: Connection, scripts: Scripts) -> str | None:
    """Bring schema bridge to a version, inside the present transaction.

    What a newer version installed is left as it is, functions and views included: an older one's would not
    fit its tables. This lets a deployment of it be rolled back.

    Returns:
        A warning, when it was left as it is; else None.

    Raises:
        RequirementError: a migration or a definition fails, or only a newer version's undelivered messages
            are there.
    """
    connection.execute(scripts.requirements.read_bytes())
    installed = _installed(connection)
    if installed is None:
        connection.execute(scripts.schema.read_bytes())
        for migration in scripts.migrations:
            _record(connection, migration.name)
    elif newer := installed.newer_than(scripts):
        return _left_alone(installed, newer, scripts.version)
    else:
        _migrate(connection, scripts, installed)
    for file in scripts.definitions:
        with _named(connection, file.name):
            connection.execute(file.read_bytes())
    return None


def record_version(connection: Connection, version: str) -> None:
    """Note whose functions and views these are, once bridge.sync has noted the owner."""
    connection.execute("update bridge.installation set version = %s", [version])


def _installed(connection: Connection) -> Installed | None:
    if connection.execute("select to_regclass('bridge.migration')").fetchone() == (None,):
        return None
    migrations = frozenset(row[0] for row in connection.execute("select name from bridge.migration"))
    row = connection.execute("select version, owner from bridge.installation").fetchone()
    version, owner = row or (None, None)
    return Installed(version=version, owner=owner, migrations=migrations)


def _left_alone(installed: Installed, newer: str, version: str) -> str:
    if installed.owner is None:
        raise RequirementError(
            f"schema bridge holds undelivered messages of {newer}, which is newer than this version,"
            f" {version}: deploy that version or a later one, or give them up: drop schema bridge cascade"
        )
    return (
        f"the database has {newer}, which is newer than this version, {version}: its schema, functions and"
        " views stay as they are, and only the declaration was applied. Deploy the newer version again once"
        " it is mended"
    )


def _migrate(connection: Connection, scripts: Scripts, installed: Installed) -> None:
    for migration in scripts.migrations:
        if migration.name in installed.migrations:
            continue
        with _named(connection, f"migration {migration.name}"), _settings_kept(connection):
            _execute_within(connection, migration.file)
        _record(connection, migration.name)


def _execute_within(connection: Connection, file: Path) -> None:
    """Execute a file inside the present transaction, which it can't end: PL/pgSQL refuses that."""
    text = sql.Literal(file.read_text("utf-8"))
    block = sql.SQL("begin execute {}; end").format(text).as_string(connection)
    try:
        connection.execute(sql.SQL("do {}").format(sql.Literal(block)))
    except postgres.FeatureNotSupported as error:
        if "transaction commands" not in describe(error):
            raise
        raise RequirementError(
            f"migration {file.stem} ends its transaction, or begins another or a savepoint: leave that out; "
            "a deployment applies all that it changes in one transaction"
        ) from error


@contextmanager
def _named(connection: Connection, name: str) -> Iterator[None]:
    """Say whose an error is; not where another attempt or connection may do."""
    try:
        yield
    except psycopg.Error as error:
        if connection.closed or isinstance(error, BUSY):
            raise
        raise RequirementError(f"{name}: {describe(error)}") from error


@contextmanager
def _settings_kept(connection: Connection) -> Iterator[None]:
    """Put settings back, such as search_path and lock_timeout, that the block has changed."""
    before = _settings(connection)
    yield
    for name, (value, _) in _settings(connection).items():
        if name in before and before[name][0] != value:
            earlier, reset = before[name]
            connection.execute(_PUT_BACK, {"name": name, "value": earlier, "reset": reset})


def _settings(connection: Connection) -> dict[str, tuple[str, str]]:
    """Return values, the present one and the session's first, by the settings' names."""
    return {name: (value, reset) for name, value, reset in connection.execute(_SETTINGS)}


def _record(connection: Connection, migration: str) -> None:
    connection.execute("insert into bridge.migration (name) values (%s)", [migration])
