"""Rows that were there before their webhook reach its targets, whatever comes between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from tests.databases import webhook

if TYPE_CHECKING:
    from tests.databases import Database

CREATED = webhook(name="order.created", table="public.orders", operations=["insert"], when="new.total > 0")


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute(
        "create table public.orders (shop text, id numeric(9, 2), total int, primary key (shop, id))"
    )
    database.execute(
        "insert into public.orders select 'shop ' || n % 3, n, n % 10 from generate_series(1, 1000) as n"
    )
    database.sync_all([CREATED])
    return database


def step(orders: Database, rows: int = 130) -> int:
    """One step of redelivery, which delivers all that it has written."""
    moved: int = orders.scalar("select bridge.backfill_step(%s)", [rows])
    orders.execute(
        "update bridge.message set state = 'delivered', delivered_at = now() where state = 'pending'"
    )
    return moved


def run(orders: Database) -> None:
    while step(orders):
        pass


def progress(orders: Database) -> list[Any]:
    [row] = orders.rows("select events, finished_at is not null, last_error from bridge.backfills")
    return row


def should_send_each_row_that_meets_the_condition_once(orders: Database) -> None:
    orders.execute("select bridge.backfill('order.created')")
    run(orders)

    events = orders.events()
    assert len({(event["record"]["shop"], event["record"]["id"]) for event in events}) == len(events) == 900
    assert {event["operation"] for event in events} == {"READ"}
    assert {event["old_record"] for event in events} == {None}
    assert max(len(message["data"]) for message in orders.messages()) == 100
    assert progress(orders) == [900, True, None]
    assert len({event["id"] for event in events}) == 900


def should_send_what_an_insert_would_have_sent(orders: Database) -> None:
    orders.execute("truncate public.orders")
    orders.execute("insert into public.orders values ('a', 1.5, 7)")
    [inserted] = orders.events()
    orders.clear()
    orders.execute("select bridge.backfill('order.created')")
    run(orders)

    [read] = orders.events()
    assert read | {"id": "", "operation": ""} == inserted | {"id": "", "operation": ""}


def should_go_on_where_it_was(orders: Database) -> None:
    job = orders.scalar("select bridge.backfill('order.created')")
    step(orders)
    [sent, finished, _] = progress(orders)
    assert 0 < sent < 900
    assert not finished

    # Asked for twice, it is still the one.
    assert orders.scalar("select bridge.backfill('order.created')") == job
    run(orders)

    assert progress(orders) == [900, True, None]


def should_write_no_more_than_its_targets_take(orders: Database) -> None:
    orders.execute("select bridge.backfill('order.created')")
    orders.execute(
        "insert into bridge.message (id, webhook, target, body)"
        """ select gen_random_uuid(), 'other', 'handle_order', '{"data": []}' from generate_series(1, 100)"""
    )
    assert orders.scalar("select bridge.backfill_step(10)") == 0

    orders.execute("update bridge.message set state = 'delivered'")
    assert orders.scalar("select bridge.backfill_step(10)") == 1


def should_reach_the_one_target_that_is_named(orders: Database) -> None:
    orders.sync_all(
        [CREATED | {"targets": ["handle_order", "second"]}], targets=[{"name": "second", "kind": "queue"}]
    )
    orders.execute("select bridge.backfill('order.created', target => 'second')")
    run(orders)

    assert orders.column("select distinct target from bridge.message") == ["second"]


def should_name_the_row_that_can_not_be_evaluated_and_send_the_others(orders: Database) -> None:
    orders.sync_all([CREATED | {"when": "10 / (new.id - 500) < 100"}])
    orders.execute("select bridge.backfill('order.created')")
    run(orders)

    assert progress(orders) == [999, True, None]
    [[error, [event]]] = orders.rows("select last_error, events from bridge.dead_letter")
    assert error == "division by zero"
    assert event["row"] == "shop 2, 500.00"


def should_read_keys_in_the_order_of_their_own_type(orders: Database) -> None:
    orders.execute("drop table public.orders")
    orders.execute("create table public.orders (id extensions.citext primary key, total int)")
    orders.execute("insert into public.orders select k, 1 from unnest('{a,B,c,D,e,F}'::text[]) as k")
    orders.sync_all([CREATED])
    orders.execute("select bridge.backfill('order.created')")
    while step(orders, 2):
        pass

    assert [event["record"]["id"] for event in orders.events()] == ["a", "B", "c", "D", "e", "F"]


def should_not_let_one_that_waits_hold_up_another(orders: Database) -> None:
    other = CREATED | {"name": "other", "targets": ["second"]}
    orders.sync_all([CREATED, other], targets=[{"name": "second", "kind": "queue"}])
    orders.execute("select bridge.pause_webhook('order.created')")
    orders.execute("select bridge.backfill('order.created')")
    orders.execute("select bridge.backfill('other')")
    orders.execute(
        "insert into bridge.message (id, webhook, target, body, due_at)"
        " select gen_random_uuid(), 'order.created', 'handle_order', '{\"data\": []}', 'infinity'"
        " from generate_series(1, 100)"
    )
    while orders.scalar("select bridge.backfill_step(500)"):
        orders.execute("update bridge.message set state = 'delivered' where target = 'second'")

    assert orders.rows(
        "select webhook, events, left(last_error, 5) from bridge.backfills order by 1 desc"
    ) == [
        ["other", 900, None],
        ["order.created", 0, "waits"],
    ]


def should_not_wait_for_a_table_that_is_locked(orders: Database) -> None:
    orders.execute("select bridge.backfill('order.created')")
    with orders.connect() as other, other.transaction():
        other.execute("lock table public.orders in access exclusive mode")
        assert step(orders) == 0
    assert "lock" in progress(orders)[2]
    run(orders)
    assert progress(orders) == [900, True, None]


def should_say_why_it_stands_still_and_go_on_after(orders: Database) -> None:
    orders.execute("select bridge.backfill('order.created')")
    orders.execute("alter table public.orders rename to parked")
    assert step(orders) == 0
    assert progress(orders)[1:] != [False, None]

    orders.execute("alter table public.parked rename to orders")
    run(orders)

    assert progress(orders) == [900, True, None]


def should_end_when_told_or_when_its_webhook_is_gone(orders: Database) -> None:
    orders.execute("select bridge.backfill('order.created')")
    step(orders)
    assert orders.scalar("select bridge.stop_backfill('order.created')") == 1
    assert step(orders) == 0
    assert progress(orders)[1:] == [True, "stopped by hand"]

    orders.execute("delete from bridge.backfill_job")
    orders.execute("select bridge.backfill('order.created')")
    orders.sync_all([])
    step(orders)
    assert progress(orders)[1:] == [True, "the webhook is declared no more"]


def should_lock_no_row_of_the_table(orders: Database) -> None:
    orders.execute("select bridge.backfill('order.created')")
    with orders.connect() as writer, writer.transaction():
        writer.execute("update public.orders set total = 1")
        orders.execute("set lock_timeout = '100ms'")
        assert step(orders) == 1
    with orders.connect() as redelivery, redelivery.transaction():
        redelivery.execute("select bridge.backfill_step(100)")
        orders.execute("update public.orders set total = 2")


@pytest.mark.parametrize(
    ("declared", "target", "said"),
    [
        ({}, "'edge'", '"edge" is no target of webhook "order.created"'),
        ({"operations": ["delete"], "when": None}, "null", "tells of deleted rows only"),
        ({"name": "another"}, "null", 'no webhook "order.created"'),
    ],
)
def should_refuse_what_can_not_be_sent(
    orders: Database, declared: dict[str, Any], target: str, said: str
) -> None:
    orders.sync_all([CREATED | declared])
    with pytest.raises(errors.DatabaseError, match=said):
        orders.execute(f"select bridge.backfill('order.created', {target})")
    assert orders.scalar("select count(*) from bridge.backfill_job") == 0


def should_refuse_a_table_without_a_primary_key(orders: Database) -> None:
    orders.execute("alter table public.orders drop constraint orders_pkey")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no primary key"):
        orders.execute("select bridge.backfill('order.created')")
