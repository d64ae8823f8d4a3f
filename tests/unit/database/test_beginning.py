"""How a transaction begins: with its settings and its first statement, and ends with its block alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.database import Database
from bridge.transactions import First

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret


@pytest.fixture
def db(database: TestDatabase, database_secret: Secret) -> Iterator[Database]:
    database.execute("create table public.seen (value text primary key)")
    made = Database(database_secret.id, tls="disable", application_name="unit")
    yield made
    made.close()


def note(value: str) -> First:
    return First(
        query="insert into public.seen values (%(value)s) on conflict do nothing", values={"value": value}
    )


def should_tell_how_many_rows_the_first_statement_touched(db: Database) -> None:
    touched = []
    for value in ("a", "a", "b"):
        first = note(value)
        with db.transaction(timeout_ms=5_000, first=first):
            touched.append(first.rowcount)

    assert touched == [1, 0, 1]


def should_take_the_first_statement_back_with_its_block(db: Database, database: TestDatabase) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction(timeout_ms=5_000, first=note("a")):
        raise ZeroDivisionError

    assert database.scalar("select count(*) from public.seen") == 0


def should_raise_what_the_first_statement_raises_and_begin_again(db: Database) -> None:
    wrong = First(query="insert into public.absent values (1)", values={})

    with pytest.raises(psycopg.errors.UndefinedTable), db.transaction(timeout_ms=5_000, first=wrong):
        pass

    with db.transaction(timeout_ms=5_000, first=note("a")) as connection:
        assert connection.execute("select value from public.seen").fetchone() == ("a",)


@pytest.mark.parametrize(
    "value",
    ["", "'; drop table public.seen; --", "\\'", "%s %(value)s %%", "E'\\x'", "ü\U0001f600\n", "$$;$1"],
)
def should_send_any_value_as_it_is(db: Database, value: str) -> None:
    with db.transaction(timeout_ms=5_000, first=note(value)) as connection:
        found = connection.execute("select from public.seen where value = %s", (value,)).rowcount

    assert found == 1


@pytest.mark.parametrize("end", ["commit", "rollback"])
def should_leave_the_end_to_whoever_began(db: Database, database: TestDatabase, end: str) -> None:
    with (
        pytest.raises(psycopg.ProgrammingError, match="leave COMMIT and ROLLBACK to the caller"),
        db.transaction(timeout_ms=5_000, first=note("a")) as connection,
    ):
        getattr(connection, end)()

    assert database.scalar("select count(*) from public.seen") == 0


def should_begin_at_the_isolation_level_that_was_asked_for(database_secret: Secret) -> None:
    made = Database(
        database_secret.id,
        tls="disable",
        application_name="unit",
        isolation=psycopg.IsolationLevel.REPEATABLE_READ,
    )

    with made.transaction(timeout_ms=5_000) as connection:
        assert connection.execute("show transaction_isolation").fetchone() == ("repeatable read",)
    made.close()
