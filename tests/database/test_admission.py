"""Webhooks that are paused or limited: their messages wait, none is lost, and they go on in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.databases import webhook

if TYPE_CHECKING:
    from tests.databases import Database

CREATED = webhook(name="order.created", table="public.orders", operations=["insert"])
REFUNDED = webhook(name="order.refunded", table="public.refunds", operations=["insert"])


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    database.execute("create table public.refunds (id bigint primary key)")
    database.sync_all([CREATED, REFUNDED])
    return database


def insert(orders: Database, first: int, last: int | None = None, table: str = "orders") -> None:
    orders.execute(f"insert into public.{table} select generate_series({first}, {last or first})")


def due(orders: Database) -> None:
    orders.execute("update bridge.message set due_at = now() where state = 'pending' and due_at < 'infinity'")


def claimed(orders: Database) -> list[str]:
    """What redelivery would deliver now: the webhooks, message by message."""
    orders.rows("select bridge.admit(1000)")
    return orders.column("select webhook from bridge.claim(100, 60) order by id")


def should_keep_what_a_paused_webhook_captures_until_it_is_resumed(orders: Database) -> None:
    assert orders.scalar("select bridge.pause_webhook('order.created', 'the worker is broken')") is True

    insert(orders, 1)
    insert(orders, 1, table="refunds")
    due(orders)

    assert claimed(orders) == ["order.refunded"]
    assert orders.scalar("select count(*) from bridge.posted") == 1
    query = "select paused_because, pending from bridge.status where webhook = 'order.created'"
    assert orders.rows(query) == [["the webhook: the worker is broken", 1]]
    assert orders.scalar("select bridge.resume_webhook('order.created')") is True
    assert claimed(orders) == ["order.created"]


def should_hold_back_what_was_captured_before_the_pause(orders: Database) -> None:
    for number in range(1, 4):
        insert(orders, number)
    insert(orders, 1, table="refunds")
    due(orders)
    orders.execute("select bridge.pause_webhook('order.created')")

    # One that is not paused comes behind those that are.
    assert orders.column("select webhook from bridge.claim(2, 60)") == ["order.refunded"]
    assert claimed(orders) == []
    orders.execute("select bridge.resume_webhook('order.created')")
    assert claimed(orders) == ["order.created"] * 3


def should_deliver_what_a_statement_under_way_parks_after_the_webhook_is_resumed(orders: Database) -> None:
    orders.execute("select bridge.pause_webhook('order.created')")
    with orders.connect() as writer, writer.transaction():
        writer.execute("insert into public.orders values (1)")
        orders.execute("select bridge.resume_webhook('order.created')")
        assert claimed(orders) == []

    assert claimed(orders) == ["order.created"]


def should_deliver_what_a_paused_webhook_left_when_it_is_declared_no_more(orders: Database) -> None:
    orders.execute("select bridge.pause_webhook('order.created')")
    insert(orders, 1)
    orders.sync_all([REFUNDED])

    assert claimed(orders) == ["order.created"]


def should_let_through_so_many_events_a_minute(orders: Database) -> None:
    orders.execute("select bridge.limit('order.created', 250)")
    insert(orders, 1, 1000)
    due(orders)

    assert orders.scalar("select count(*) from net.http_request_queue where url not like '%bridge.ring'") == 0
    # Messages of 100 events: the third exceeds what is left, and counts against the next minute.
    assert len(claimed(orders)) == 3
    assert claimed(orders) == []
    # A quarter of a minute later: room for 62, of which 50 are used up.
    orders.execute("update bridge.webhook set admitted_until = admitted_until - interval '15 s'")
    assert len(claimed(orders)) == 1
    orders.execute("select bridge.limit('order.created', null)")
    assert len(claimed(orders)) == 6


def should_limit_what_waits_already(orders: Database) -> None:
    insert(orders, 1, 1000)
    due(orders)

    orders.execute("select bridge.limit('order.created', 100)")

    assert len(claimed(orders)) == 1


def should_count_the_events_of_a_message_once_for_all_targets(orders: Database) -> None:
    orders.sync_all(
        [CREATED | {"targets": ["handle_order", "second"], "max_per_minute": 200}],
        targets=[{"name": "second", "kind": "queue"}],
    )
    insert(orders, 1, 500)

    assert claimed(orders) == ["order.created"] * 4


def should_keep_a_limit_set_by_hand_until_the_declaration_has_another(orders: Database) -> None:
    query = "select max_per_minute from bridge.webhook where name = 'order.created'"
    orders.execute("select bridge.limit('order.created', 5)")
    orders.sync_all([CREATED, REFUNDED])
    assert orders.scalar(query) == 5

    orders.sync_all([CREATED | {"max_per_minute": 7}, REFUNDED])
    assert orders.scalar(query) == 7


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("select bridge.pause_webhook('order.create')", 'no webhook "order.create"'),
        ("select bridge.resume_webhook('order.create')", 'no webhook "order.create"'),
        ("select bridge.limit('order.created', 0)", "0 events a minute is no limit"),
        ("select bridge.limit('order.created', 200000000)", "200000000 events a minute is no limit"),
    ],
)
def should_name_what_is_wrong_and_change_nothing(orders: Database, statement: str, said: str) -> None:
    with pytest.raises((errors.UndefinedObject, errors.InvalidParameterValue), match=said):
        orders.execute(statement)
    assert orders.column("select distinct (paused_at, max_per_minute)::text from bridge.webhook") == ["(,)"]


def should_not_count_what_waits_on_purpose_as_late(orders: Database) -> None:
    orders.execute("select bridge.pause_webhook('order.created')")
    insert(orders, 1)
    orders.execute("update bridge.message set created_at = now() - interval '1 hour'")

    assert orders.rows("select pending, oldest_seconds, paused from bridge.metrics()") == [[1, 0.0, 1]]
