"""The connection is lazy, checked, made again after a drop, and its errors name no secret."""

from __future__ import annotations

import contextlib
import os
import time
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from bridge.database import Database
from bridge.errors import (
    DatabaseUnavailableError,
    LostTransactionError,
    SecretError,
    SettingsError,
    UnfilledSecretError,
)
from bridge.tls import tls_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret


@pytest.fixture
def db(database_secret: Secret) -> Iterator[Database]:
    made = Database(database_secret.id, tls="disable", application_name="unit")
    yield made
    made.close()


def backend(db: Database) -> int:
    with db.transaction(timeout_ms=5_000) as connection:
        return connection.info.backend_pid


def kill(database: TestDatabase, pid: int) -> None:
    database.execute_as_admin(f"select pg_terminate_backend({pid}, 5000)")


def should_commit_at_the_end_of_a_transaction(db: Database, database: TestDatabase) -> None:
    with db.transaction(timeout_ms=5_000) as connection:
        connection.execute("create table public.made ()")

    assert database.scalar("select to_regclass('public.made') is not null")


def run(db: Database, *statements: str, timeout_ms: int = 5_000, pause: float = 0) -> None:
    with db.transaction(timeout_ms=timeout_ms) as connection:
        for statement in statements:
            connection.execute(statement.encode())
            time.sleep(pause)


def should_roll_back_on_an_error(db: Database, database: TestDatabase) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(db, "create table public.made ()", "select 1 / 0")

    assert database.scalar("select to_regclass('public.made') is null")


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


def should_stop_a_statement_that_takes_too_long(db: Database) -> None:
    assert backend(db)

    with pytest.raises(psycopg.errors.QueryCanceled):
        run(db, "select pg_sleep(5)", timeout_ms=500)


def should_not_hold_locks_when_the_function_stops_half_way(db: Database) -> None:
    assert backend(db)

    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        run(db, "lock table bridge.message", "select 1", timeout_ms=500, pause=1.5)


def should_not_take_a_void_transaction_for_committed(db: Database) -> None:
    def hide_an_error() -> None:
        with db.transaction(timeout_ms=5_000) as connection, contextlib.suppress(psycopg.Error):
            connection.execute("select 1 / 0")

    with pytest.raises(LostTransactionError, match="its status is INERROR"):
        hide_an_error()


@pytest.mark.parametrize("statement", ["commit", "rollback"])
def should_not_let_the_transaction_be_ended_inside(db: Database, statement: str) -> None:
    with pytest.raises(LostTransactionError, match="its status is IDLE"):
        run(db, statement)


def should_commit_what_survived_a_nested_transaction(db: Database, database: TestDatabase) -> None:
    with db.transaction(timeout_ms=5_000) as connection:
        connection.execute("create table public.made ()")
        with contextlib.suppress(psycopg.Error), connection.transaction():
            connection.execute("select 1 / 0")

    assert database.scalar("select to_regclass('public.made') is not null")


def should_leave_no_setting_behind(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.transactions._NEGLIGIBLE_MS", 5_000)
    with db.transaction(timeout_ms=5_000) as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("5s",)

    assert connection.execute("show statement_timeout").fetchone() == ("0",)


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


def should_name_host_and_reason_but_not_the_password(
    db: Database, database: TestDatabase, database_secret: Secret
) -> None:
    address = urlsplit(database.url)
    database_secret.put(
        {"database_url": f"postgresql://postgres:hunter2@{address.hostname}:{address.port}/postgres"}
    )

    with pytest.raises(DatabaseUnavailableError) as raised:
        backend(db)

    assert f"cannot connect to Postgres at 127.0.0.1:{address.port}" in str(raised.value)
    assert "password authentication failed" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "postgresql:/u:hunter2@h/d",
        "postgresql://u:hunter2%zz@h/d",
        "postgresql://u:hunter2@h:1/d?x=y",
    ],
)
def should_not_quote_a_url_that_is_none(db: Database, database_secret: Secret, url: str) -> None:
    database_secret.put({"database_url": url})

    with pytest.raises(
        SecretError, match="is not of the form postgresql://user:password@host:port/d"
    ) as raised:
        backend(db)

    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def should_name_the_member_that_is_not_filled(database_secret: Secret) -> None:
    direct = Database(database_secret.id, tls="disable", application_name="unit", url_field="direct_url")

    with pytest.raises(UnfilledSecretError, match='"direct_url" of secret'):
        backend(direct)


def should_say_what_to_do_when_the_server_has_no_tls(database_secret: Secret) -> None:
    strict = Database(database_secret.id, tls="verify-full", application_name="unit")

    with pytest.raises(DatabaseUnavailableError, match='set database_tls = "disable"'):
        backend(strict)


def should_refuse_an_unknown_tls_mode() -> None:
    with pytest.raises(SettingsError, match='DATABASE_TLS is "prefer", but must be one of: disable, require'):
        Database("secret", tls="prefer", application_name="unit")


@pytest.mark.parametrize("mode", ["disable", "require"])
def should_not_verify_unless_asked(mode: str) -> None:
    assert tls_parameters(mode, "certificate") == {"sslmode": mode, "sslrootcert": ""}


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def should_verify_by_the_certificate_of_the_secret(mode: str) -> None:
    parameters = tls_parameters(mode, "certificate\n")

    assert parameters["sslmode"] == mode
    with open(parameters["sslrootcert"]) as file:  # noqa: PTH123
        assert file.read() == "certificate\n"


def should_verify_by_the_systems_authorities_without_a_certificate() -> None:
    root = tls_parameters("verify-full", "")["sslrootcert"]

    assert os.path.exists(root)  # noqa: PTH110


def should_refuse_to_trust_any_authority_for_any_host() -> None:
    with pytest.raises(SettingsError, match='"verify-ca" needs "ca_certificate"'):
        tls_parameters("verify-ca", "")


def should_read_json_as_exactly_as_events_are(db: Database) -> None:
    with db.transaction(timeout_ms=5_000) as connection:
        row = connection.execute("select '{\"n\": 0.1000000000000000000000001}'::jsonb").fetchone()

    assert row == ({"n": Decimal("0.1000000000000000000000001")},)
