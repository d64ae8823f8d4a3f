"""A transaction commits whole or not at all, in its time, and is ended by nobody else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.errors import LostTransactionError
from tests.unit.database.sessions import backend, run

if TYPE_CHECKING:
    from bridge.database import Database
    from tests.databases import Database as TestDatabase


def should_commit_at_the_end_of_a_transaction(db: Database, database: TestDatabase) -> None:
    with db.transaction(timeout_ms=5_000) as connection:
        connection.execute("create table public.made ()")

    assert database.scalar("select to_regclass('public.made') is not null")


def should_roll_back_on_an_error(db: Database, database: TestDatabase) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(db, "create table public.made ()", "select 1 / 0")

    assert database.scalar("select to_regclass('public.made') is null")


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
