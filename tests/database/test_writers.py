"""Whatever is broken, the write that fires a webhook goes through, and its event waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.databases import WITHOUT_PG_NET

if TYPE_CHECKING:
    from tests.databases import Database

BROKEN = {
    "pg_net is missing": WITHOUT_PG_NET,
    "pg_net's function is missing": "alter function net.http_post rename to gone",
    "pg_net's queue is missing": "alter table net.http_request_queue rename to gone",
    "pg_net is revoked": "revoke all on all tables in schema net from public",
    "Vault is missing": "drop schema vault cascade",
    "Vault is revoked": "revoke execute on all functions in schema vault from public, postgres, service_role",
    "the secret is missing": "delete from vault.secrets",
}

BACKLOG = """
insert into net.http_request_queue (method, url, timeout_milliseconds)
select 'GET', 'http://localhost', 1 from generate_series(1, %s)
"""


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key, total numeric)")
    database.sync(table="public.orders", operations=["insert"], when="100 / new.total > 0")
    return database


@pytest.mark.parametrize("statement", BROKEN.values(), ids=BROKEN.keys())
def should_write_and_wait_while(orders: Database, statement: str) -> None:
    orders.execute_as_admin(statement)

    orders.execute("insert into public.orders select n, n from generate_series(1, 150) as n")

    assert [len(message["data"]) for message in orders.messages()] == [100, 50]
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 2


def should_write_and_warn_when_the_outbox_itself_is_missing(orders: Database) -> None:
    orders.execute("drop table bridge.message cascade")
    notices: list[str] = []
    orders.connection.add_notice_handler(lambda diagnostic: notices.append(diagnostic.message_primary or ""))

    orders.execute("insert into public.orders values (1, 1)")

    assert orders.scalar("select count(*) from public.orders") == 1
    assert "could not capture" in notices[0]


def should_make_dead_letters_of_rows_whose_condition_fails(orders: Database) -> None:
    orders.execute("insert into public.orders values (1, 1), (2, 0), (3, -1), (4, 4)")

    assert orders.scalar("select count(*) from public.orders") == 4
    assert sorted(event["record"]["id"] for event in orders.events()) == [1, 4]
    [[webhook, error, events]] = orders.rows("select webhook, last_error, events from bridge.dead_letter")
    assert (webhook, error) == ("webhook", "division by zero")
    assert events[0]["record"] == {"id": 2, "total": 0}


def should_deliver_the_others_in_messages_of_100_when_one_row_fails(orders: Database) -> None:
    orders.execute("insert into public.orders select n, n - 20 from generate_series(1, 250) as n")

    assert [len(message["data"]) for message in orders.messages()] == [100, 100, 30]
    assert orders.scalar("select count(*) from bridge.dead_letter") == 1


def should_write_though_an_assertion_of_the_condition_fails(database: Database) -> None:
    database.execute(
        """create table public.orders (id bigint primary key);
        create function public.asserted() returns boolean language plpgsql as 'begin assert false; end'"""
    )
    database.sync(table="public.orders", operations=["insert"], when="public.asserted()")

    database.execute("insert into public.orders values (1)")

    assert database.column("select last_error from bridge.dead_letter") == ["assertion failed"]


def should_not_wait_for_a_lock_on_pg_nets_queue(orders: Database) -> None:
    with orders.connect() as operator:
        operator.autocommit = False
        operator.execute("truncate net.http_request_queue")
        orders.execute("set statement_timeout = '5s'; set lock_timeout = '2s'")

        orders.execute("insert into public.orders values (1, 1)")

        assert orders.scalar("show lock_timeout") == "2s"
        operator.rollback()
    assert len(orders.events()) == 1


def should_fail_with_the_statement_rather_than_lose_its_event(orders: Database) -> None:
    with orders.connect() as operator:
        operator.autocommit = False
        operator.execute("lock table bridge.message in access exclusive mode")
        orders.execute("set statement_timeout = '300ms'")

        with pytest.raises(psycopg.errors.QueryCanceled):
            orders.execute("insert into public.orders values (1, 1)")
        operator.rollback()
    assert orders.scalar("select count(*) from public.orders") == 0


def should_keep_undeclared_columns_out_of_dead_letters(database: Database) -> None:
    database.execute("create table public.orders (id bigint primary key, total numeric, card text)")
    database.sync(table="public.orders", operations=["insert"], columns=["total"], when="1 / new.total > 0")

    database.execute("insert into public.orders values (1, 0, '4242')")

    assert database.scalar("select events #> '{0,record}' from bridge.dead_letter") == {"id": 1, "total": 0}


def should_let_writers_without_any_right_on_the_bridge_write(orders: Database) -> None:
    orders.execute("grant insert on public.orders to anon")

    orders.execute("begin; set local role anon; insert into public.orders values (1, 1); commit")

    assert len(orders.events()) == 1


def should_not_make_serializable_writers_fail_each_other(orders: Database) -> None:
    with orders.connect() as first, orders.connect() as second:
        for number, connection in enumerate((first, second)):
            connection.autocommit = False
            connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            connection.execute("insert into public.orders values (%s, 1)", [number])
        first.commit()
        second.commit()

    assert len(orders.events()) == 2


def should_not_wait_for_another_writer_that_rings(orders: Database) -> None:
    orders.execute(BACKLOG, [300])
    with orders.connect() as slow:
        slow.autocommit = False
        slow.execute("insert into public.orders values (1, 1)")

        orders.execute("set statement_timeout = '2s'")
        orders.execute("insert into public.orders values (2, 1)")

        assert len(orders.events()) == 1
        slow.commit()


def should_ring_once_instead_of_posting_while_pg_net_has_a_backlog(orders: Database) -> None:
    orders.execute(BACKLOG, [200])

    for number in range(5):
        orders.execute("insert into public.orders values (%s, 1)", [number])

    posts = orders.rows("select url from net.http_request_queue where method = 'POST'")
    assert 1 <= len(posts) <= 2  # the second begins within the run of a slow machine
    assert posts[0][0].endswith("/webhooks/bridge.ring")
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 5


@pytest.mark.parametrize(("milliseconds_ago", "posts"), [(0, 0), (1_000, 1), (-60_000, 1)])
def should_look_at_pg_nets_queue_unless_it_was_behind_a_moment_ago(
    orders: Database, milliseconds_ago: int, posts: int
) -> None:
    orders.execute(
        # In the statement whose trigger asks: however slow the machine is, this was a moment ago.
        "insert into public.orders select 1, 1 from (select setval('bridge.last_behind',"
        " floor(extract(epoch from clock_timestamp()) * 1000)::bigint - %s)) as seen",
        [milliseconds_ago],
    )

    assert orders.scalar("select count(*) from bridge.posted") == posts
    assert len(orders.events()) == 1


def should_remember_that_pg_net_was_behind(orders: Database) -> None:
    orders.execute("insert into public.orders values (1, 1)")
    before = orders.scalar("select pg_sequence_last_value('bridge.last_behind'::regclass)")
    orders.execute(BACKLOG, [200])
    orders.execute("insert into public.orders values (2, 1)")

    assert before is None
    assert orders.scalar("select pg_sequence_last_value('bridge.last_behind'::regclass)") is not None


def should_not_flood_pg_net_from_one_large_statement(orders: Database) -> None:
    orders.execute("insert into public.orders select n, n from generate_series(1, 25000) as n")

    assert orders.scalar("select count(*) from bridge.posted") == 200
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 50
    assert orders.scalar("select count(*) from net.http_request_queue where url like '%%/bridge.ring'") == 1
