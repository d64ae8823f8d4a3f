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
    orders.execute("select setval('bridge.last_post', bridge.now_ms())")
    with orders.connect() as slow:
        slow.autocommit = False
        slow.execute("insert into public.orders values (1, 1)")

        orders.execute("set statement_timeout = '2s'")
        orders.execute("insert into public.orders values (2, 1)")

        assert len(orders.events()) == 1
        slow.commit()


def posts(orders: Database) -> list[str]:
    """What pg_net was handed: the last parts of the addresses."""
    return orders.column("select split_part(url, '/webhooks/', 2) from net.http_request_queue order by id")


def should_post_what_comes_after_a_rest_and_ring_for_what_follows(orders: Database) -> None:
    # One statement, however slow the machine is: all of it within the second.
    orders.execute(
        "do $$ begin for n in 1..20 loop insert into public.orders values (n, 1); end loop; end $$"
    )

    assert posts(orders) == ["webhook", "bridge.ring"]
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 19


def should_ring_again_after_a_second(orders: Database) -> None:
    for number in range(2):
        orders.execute("select setval('bridge.last_post', bridge.now_ms())")
        orders.execute("select setval('bridge.last_ring', bridge.now_ms() - 1100)")
        orders.execute("insert into public.orders values (%s, 1)", [number])

    assert posts(orders) == ["bridge.ring"] * 2


def should_ring_for_a_statement_of_several_messages(orders: Database) -> None:
    orders.execute("insert into public.orders select n, n from generate_series(1, 25000) as n")

    assert posts(orders) == ["bridge.ring"]
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 250


def should_neither_post_nor_ring_while_redelivery_is_awake(orders: Database) -> None:
    orders.execute("select bridge.stay_awake(9000)")

    orders.execute("insert into public.orders values (1, 1)")

    assert posts(orders) == []
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 1


@pytest.mark.parametrize("promised", [-1, 60_000])
def should_not_rely_on_a_promise_that_is_over_or_absurd(orders: Database, promised: int) -> None:
    # The clock was set back, or redelivery was killed.
    orders.execute("select bridge.stay_awake(%s)", [promised])

    orders.execute("insert into public.orders values (1, 1)")

    assert posts(orders) == ["webhook"]


def should_ring_where_redelivery_falls_asleep_while_a_statement_writes(orders: Database) -> None:
    # The condition runs between the look at the promise and the outbox's row.
    orders.execute(
        "create function public.nap() returns boolean language sql as"
        " 'select setval(''bridge.awake_until'', 1) > 0'"
    )
    orders.sync(table="public.orders", operations=["insert"])
    orders.execute("select bridge.stay_awake(9000)")
    orders.execute(
        "create table public.naps (n integer); alter table bridge.message add check (public.nap())"
    )

    orders.execute("insert into public.orders values (1, 1)")

    assert posts(orders) == ["bridge.ring"]


def should_see_who_writes_when_redelivery_falls_asleep(orders: Database) -> None:
    orders.execute("select bridge.stay_awake(9000)")
    with orders.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.orders values (1, 1)")

        assert orders.scalar("select bridge.fall_asleep()") is False
        writer.commit()

    assert orders.scalar("select bridge.fall_asleep()") is True
    assert posts(orders) == []
    assert orders.scalar("select bridge.is_awake()") is False


def should_not_ring_for_a_webhook_none_of_whose_targets_takes_anything(orders: Database) -> None:
    orders.execute("select bridge.pause('handle_order')")

    for number in range(3):
        orders.execute("insert into public.orders values (%s, 1)", [number])

    assert posts(orders) == []


def should_try_a_broken_pg_net_once_a_second(orders: Database) -> None:
    orders.execute_as_admin(
        """create sequence public.attempts;
        grant usage on sequence public.attempts to postgres;
        create or replace function net.http_post(
          url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
          timeout_milliseconds integer default 5000
        ) returns bigint language plpgsql as
        $$ begin perform nextval('public.attempts'); raise 'broken'; end $$"""
    )

    orders.execute(
        "do $$ begin for n in 1..20 loop insert into public.orders values (n, 1); end loop; end $$"
    )

    assert len(orders.events()) == 20
    # One message, and one ring.
    assert orders.scalar("select nextval('public.attempts')") == 3


@pytest.mark.parametrize("operation", ["insert", "update", "delete"])
def should_only_write_the_outbox_while_redelivery_is_awake(orders: Database, operation: str) -> None:
    orders.sync(table="public.orders", operations=["insert", "update", "delete"])
    orders.execute("insert into public.orders values (1, 1)")
    orders.clear()
    orders.execute("select bridge.stay_awake(9000)")
    # What posts, and what saves rows that can't be captured otherwise.
    orders.execute(
        "drop function bridge.dispatch(text, oid, refcursor, boolean),"
        " bridge.put_events(text, oid, jsonb[], text)"
    )

    orders.execute(
        {
            "insert": "insert into public.orders values (2, 1)",
            "update": "update public.orders set total = 2",
            "delete": "delete from public.orders",
        }[operation]
    )

    [event] = orders.events()
    assert event["operation"] == operation.upper()
    orders.execute("delete from public.orders where false")
    assert len(orders.events()) == 1
