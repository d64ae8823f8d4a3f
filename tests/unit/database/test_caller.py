"""A transaction on behalf of a caller: row-level security decides, and the role is given back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.database import Database
from bridge.errors import RoleError
from examples.shop.demo.shop import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret


@dataclass(frozen=True)
class Caller:
    """A caller with these claims."""

    role: str = "authenticated"
    claims: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def db(database: TestDatabase, database_secret: Secret) -> Iterator[Database]:
    database.execute(SCHEMA.read_bytes())
    made = Database(database_secret.id, tls="disable", application_name="unit")
    yield made
    made.close()


def rows(db: Database, caller: Caller | None, query: str = "select total from public.orders") -> list[Any]:
    with db.transaction(timeout_ms=5_000, caller=caller) as connection:
        return [row[0] for row in connection.execute(query.encode())]


def should_show_a_caller_only_his_own_rows(db: Database, database: TestDatabase) -> None:
    users = [uuid4(), uuid4()]
    for number, user in enumerate(users):
        database.execute("insert into public.orders (user_id, total) values (%s, %s)", [user, number])

    assert rows(db, Caller(claims={"sub": str(users[0])})) == [0]
    assert rows(db, Caller(claims={"sub": str(users[1])})) == [1]
    assert rows(db, Caller(claims={})) == []
    assert rows(db, Caller("anon")) == []
    assert rows(db, Caller("service_role")) == [0, 1]


def should_let_row_level_security_refuse_a_write(db: Database) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        db.transaction(timeout_ms=5_000, caller=Caller(claims={"sub": str(uuid4())})) as connection,
    ):
        connection.execute("insert into public.orders (total) values (1)")


def should_hand_over_all_claims(db: Database) -> None:
    claims = {"sub": str(uuid4()), "app_metadata": {"plan": 'it\'s "free"'}}

    assert rows(db, Caller(claims=claims), "select auth.jwt()") == [claims]


def should_give_the_role_back(db: Database) -> None:
    rows(db, Caller(claims={"sub": str(uuid4())}), "select current_user")

    assert rows(db, None, "select current_user::text") == ["postgres"]
    assert rows(db, None, "select auth.uid()") == [None]


@pytest.mark.parametrize(
    "role", ["", "none", "postgres", "supabase_admin", "pg_read_all_data", "Anon", "a b", "x" * 64]
)
def should_refuse_a_role_that_no_caller_has(db: Database, role: str) -> None:
    with pytest.raises(RoleError, match="is none that a caller may have"):
        rows(db, Caller(role))


@pytest.mark.parametrize("role", ["nobody_has_made_it", "authenticator"])
def should_refuse_a_role_that_postgres_may_not_take(db: Database, role: str) -> None:
    with pytest.raises(RoleError, match=f'the role "{role}" can\'t be taken'):
        rows(db, Caller(role))

    assert rows(db, None, "select current_user::text") == ["postgres"]


@given(role=st.text(max_size=70))
def should_never_run_as_the_connections_own_role(role: str) -> None:
    with (
        pytest.raises(RoleError),
        Database("secret", tls="disable", application_name="unit").transaction(
            timeout_ms=1, caller=Caller(f"{role}'--")
        ),
    ):
        pass
