"""What is wrong with pg_net and Vault is named, with its remedy and who must run it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.databases import TARGET_SECRET, WITHOUT_PG_NET, webhook
from tools.local import supabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

PROBLEMS = "select problem, remedy, run_as from bridge.problem where of = 'delivery'"


@contextmanager
def worker(url: str, name: str = "pg_net 0.20.4") -> Iterator[None]:
    """What pg_net's worker is to others: a session by this name."""
    with psycopg.connect(url, application_name=name):
        yield


@pytest.fixture
def orders(database: Database) -> Iterator[Database]:
    database.execute("create table public.orders (id bigint primary key)")
    database.sync(table="public.orders", operations=["insert"])
    with worker(database.admin_url):
        yield database


def problem(orders: Database) -> list[Any]:
    [row] = orders.rows(PROBLEMS)
    return row


def should_say_nothing_while_all_is_well(orders: Database) -> None:
    assert orders.rows(PROBLEMS) == []
    assert orders.scalar("select problems from bridge.metrics()") == 0
    assert orders.scalar("select problem from bridge.status") is None


def should_say_that_pg_net_is_missing(orders: Database) -> None:
    orders.execute_as_admin(WITHOUT_PG_NET)

    assert problem(orders) == [
        "pg_net is missing from this database",
        "drop extension if exists pg_net; create extension pg_net",
        "supabase_admin",
    ]
    assert orders.scalar("select problems from bridge.metrics()") == 1
    assert orders.scalar("select problem from bridge.status") == "pg_net is missing from this database"


@pytest.mark.parametrize(
    "revoked",
    [
        "revoke all on net.http_request_queue from public",
        "revoke all on sequence net.http_request_queue_id_seq from public",
        "revoke execute on all functions in schema net from public",
        "revoke execute on function net.wake() from public",
    ],
)
def should_say_which_rights_are_missing_and_how_to_grant_them(orders: Database, revoked: str) -> None:
    orders.execute_as_admin(revoked)

    what, remedy, run_as = problem(orders)

    assert (what, run_as) == ("role postgres may not use pg_net", "supabase_admin")
    orders.execute_as_admin(remedy)
    assert orders.rows(PROBLEMS) == []
    orders.execute("insert into public.orders values (1)")
    assert orders.scalar("select count(*) from bridge.posted") == 1


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("drop view vault.decrypted_secrets", "Supabase Vault is missing from this database"),
        ("alter sequence net.http_request_queue_id_seq rename to another", None),
    ],
)
def should_hide_nothing_where_parts_of_an_extension_are_missing(
    orders: Database, change: str, expected: str | None
) -> None:
    orders.execute_as_admin(change)

    assert orders.scalar("select problem from bridge.status") == expected
    assert orders.scalar("select problems from bridge.metrics()") == int(expected is not None)


@pytest.mark.usefixtures("stand_ins")
def should_say_that_the_worker_does_not_run(database: Database) -> None:
    what, remedy, run_as = problem(database)

    assert what == "pg_net's worker does not run"
    assert remedy.startswith("select net.worker_restart()")
    assert run_as == "supabase_admin"


def should_not_take_a_worker_for_missing_that_it_may_not_see(orders: Database) -> None:
    # Of old versions only what kind of backend it is says that it is pg_net's.
    orders.execute("create role looker; grant looker to current_user")
    try:
        orders.execute("grant usage on schema bridge to looker")
        orders.execute("grant execute on all functions in schema bridge to looker")
        orders.execute("grant select on all sequences in schema bridge to looker")
        orders.execute("set role looker")
        assert orders.scalar("select problem from bridge.pg_net_problem()") is None
    finally:
        orders.execute("reset role")
        orders.execute("drop owned by looker; drop role looker")


@pytest.mark.usefixtures("stand_ins")
def should_say_that_the_worker_serves_another_database(database: Database, server: Any) -> None:
    with worker(server.admin_url()):
        what, remedy, _ = problem(database)

    assert what == f'pg_net\'s worker serves database "postgres", not "{database.name}"'
    assert f"pg_net.database_name = '{database.name}'" in remedy


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize(("version", "is_problem"), [("0.20.4", True), ("0.19.0", True), ("0.14.0", False)])
def should_say_that_the_extension_is_older_than_its_library(
    database: Database, version: str, *, is_problem: bool
) -> None:
    supabase.downgrade_pg_net(database.admin_url)

    with worker(database.admin_url, f"pg_net {version}"):
        rows = database.rows(PROBLEMS)

    assert bool(rows) is is_problem
    if is_problem:
        assert f"is older than its library, {version}, which it never wakes" in rows[0][0]
        assert rows[0][1:] == ["alter extension pg_net update", "supabase_admin"]


def should_say_that_pg_net_does_not_send(orders: Database) -> None:
    orders.execute("insert into public.orders values (1)")
    orders.execute("update bridge.posted set posted_at = posted_at - interval '1 minute'")
    orders.execute("select bridge.withdraw(10)")

    assert problem(orders)[0] == "pg_net did not send in time what it was handed"
    orders.execute("select bridge.heard_ring()")
    assert orders.rows(PROBLEMS) == []


def should_say_that_vault_is_missing(orders: Database) -> None:
    orders.execute_as_admin("drop schema vault cascade")

    assert problem(orders)[0] == "Supabase Vault is missing from this database"


def should_say_that_vault_may_not_be_used(orders: Database) -> None:
    orders.execute_as_admin("revoke execute on all functions in schema vault from postgres, service_role")

    what, remedy, run_as = problem(orders)

    assert (what, run_as) == ("role postgres may not use Supabase Vault", "supabase_admin")
    orders.execute_as_admin(remedy)
    assert orders.rows(PROBLEMS) == []


@pytest.mark.usefixtures("stand_ins")
def should_say_which_secrets_vault_can_not_decrypt(orders: Database) -> None:
    orders.sync_all(
        [webhook(table="public.orders", operations=["insert"])],
        targets=[{"name": "edge", "kind": "http", "url": "https://edge.example.com/"}],
    )
    orders.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    supabase.lose_vault_key(orders.admin_url)

    assert problem(orders)[0] == (
        'Vault has no secret "bridge_signing_secret", "bridge_signing_secret:edge" that it can decrypt'
    )
    # Meanwhile rows are written, and wait for redelivery.
    orders.execute("insert into public.orders values (1)")
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 1

    orders.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    message, remedy, _ = problem(orders)
    assert message == 'Vault has no secret "bridge_signing_secret" that it can decrypt'
    # A deployment that changes nothing does not come to the database.
    assert "RotateSecretFunction" in remedy


def should_say_what_every_role_may_do_to_pg_nets_tables(orders: Database) -> None:
    security = "select problem, remedy, run_as from bridge.problem where of = 'security'"
    problems = orders.rows(security)
    assert [problem.split(" pg_net")[0].split(" waits")[0] for problem, _, _ in problems] == [
        "every role can read and delete what",
        "every role can read and forge what",
    ]
    # The default of every Supabase: no alarm.
    assert orders.scalar("select problems from bridge.metrics()") == 0

    for _, remedy, run_as in problems:
        assert run_as == "supabase_admin"
        orders.execute_as_admin(remedy)

    assert orders.rows(security) == []
    assert orders.rows(PROBLEMS) == []


def should_hide_nothing_else_where_pg_net_can_not_be_examined(orders: Database) -> None:
    # Something of schema bridge itself, which an operator has dropped.
    orders.execute("drop sequence bridge.pg_net_late cascade")

    assert problem(orders)[0].startswith("pg_net can't be examined: ")
    assert orders.scalar("select pending from bridge.metrics()") == 0
    assert len(orders.rows("select * from bridge.status")) == 1
