"""The connection is one, says whose it is, and is made again after a drop."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.database import Database
from bridge.errors import DatabaseUnavailableError, SettingsError
from tests.unit.database.sessions import backend, kill, run

if TYPE_CHECKING:
    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret


def should_use_one_connection(db: Database) -> None:
    assert backend(db) == backend(db)


def should_show_its_name(db: Database) -> None:
    with db.transaction(timeout_ms=5_000) as connection:
        assert connection.execute("select current_setting('application_name')").fetchone() == ("unit",)


def should_show_which_request_it_serves(db: Database, database: TestDatabase) -> None:
    with db.transaction(timeout_ms=5_000, request_id="JKJaXmPLvHcESHA=") as connection:
        shown = database.column(
            f"select application_name from pg_stat_activity where pid = {connection.info.backend_pid}"
        )

    assert shown == ["unit JKJaXmPLvHcESHA="]
    assert connection.execute("show application_name").fetchone() == ("unit",)


@pytest.mark.parametrize(
    ("request_id", "shown"),
    [
        ("a" * 36, "n" * 26 + " " + "a" * 36),
        ("b" * 90, "n" * 22 + " " + "b" * 40),
        ("\N{SNOWMAN}'\0\n", "n" * 58 + " ?'??"),
        ("", "n" * 63),
    ],
)
def should_keep_to_the_bytes_that_postgres_shows(
    database_secret: Secret, request_id: str, shown: str
) -> None:
    db = Database(database_secret.id, tls="disable", application_name="n" * 80)
    with db.transaction(timeout_ms=5_000, request_id=request_id) as connection:
        row = connection.execute("select current_setting('application_name')").fetchone()

    assert row == (shown,)
    db.close()


@pytest.mark.usefixtures("function_environment")
def should_be_made_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    db = Database.from_environment()
    with db.transaction(timeout_ms=5_000) as connection:
        assert connection.execute("select current_setting('application_name')").fetchone() == ("test",)
    db.close()
    monkeypatch.delenv("DATABASE_SECRET_ID")

    with pytest.raises(SettingsError, match="DATABASE_SECRET_ID is not set"):
        backend(db)


def should_connect_again_after_a_drop_while_idle(db: Database, database: TestDatabase) -> None:
    first = backend(db)
    kill(database, first)

    assert backend(db) != first


def should_connect_again_for_a_bare_connection(
    db: Database, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.database.TRUSTED_IDLE_SECONDS", 0)
    first = db.connection().info.backend_pid
    kill(database, first)

    assert db.connection().info.backend_pid != first


def should_not_trust_a_connection_that_has_long_been_idle(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = backend(db)
    monkeypatch.setattr("bridge.database.MAX_IDLE_SECONDS", 0)

    assert backend(db) != first


def should_run_nothing_twice_when_the_connection_drops_inside(db: Database, database: TestDatabase) -> None:
    database.execute("create table public.made (pid int)")
    with pytest.raises(psycopg.OperationalError):
        run(db, "insert into public.made values (1)", "select pg_terminate_backend(pg_backend_pid())")

    assert database.scalar("select count(*) from public.made") == 0


def should_connect_again_after_a_drop_in_a_transaction(db: Database) -> None:
    with pytest.raises(psycopg.OperationalError):
        run(db, "select pg_terminate_backend(pg_backend_pid())")

    assert backend(db)


def should_read_the_secret_again_when_the_password_has_changed(
    db: Database, database: TestDatabase, database_secret: Secret
) -> None:
    database_secret.put({"database_url": database.url.replace("postgres:", "postgres:old", 1)})
    with pytest.raises(DatabaseUnavailableError):
        backend(db)
    database_secret.put({"database_url": database.url})

    assert backend(db)


def should_read_json_as_exactly_as_events_are(db: Database) -> None:
    with db.transaction(timeout_ms=5_000) as connection:
        row = connection.execute("select '{\"n\": 0.1000000000000000000000001}'::jsonb").fetchone()

    assert row == ({"n": Decimal("0.1000000000000000000000001")},)
