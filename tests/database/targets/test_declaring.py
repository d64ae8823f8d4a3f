"""Targets come and go with the declaration; what waits for them does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.database.targets.outbox import TARGETS, answer, claimed, declare, due, insert, requests, states
from tests.databases import SQL_FILES, TARGET_SECRET

if TYPE_CHECKING:
    from tests.databases import Database


def should_settle_what_a_target_has_accepted_before_it_is_undeclared(orders: Database) -> None:
    message = insert(orders)
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        " select request_id, 202, false, %s from bridge.posted where 'edge' = any (targets)",
        [orders.receipts(message)["edge"]],
    )

    declare(orders, "process_order", further=())

    assert states(orders, message)["edge"] == ["delivered", 0, None]


def should_keep_what_a_target_accepted_that_was_undeclared_meanwhile(orders: Database) -> None:
    message = insert(orders)
    receipt = orders.receipts(message)["edge"]
    declare(orders, "process_order", further=())

    # Its secret is forgotten: whether the receipt is its own can't be told.
    answer(orders, "edge", 202, content=receipt)

    assert states(orders, message)["edge"] == ["pending", 0, "HTTP 202 without a receipt"]


def should_hand_out_what_waits_for_a_target_that_is_declared_no_more(orders: Database) -> None:
    insert(orders)
    declare(orders, "process_order", further=())
    due(orders)

    assert sorted(claimed(orders, "queue")) == ["edge", "process_order"]


def should_go_on_showing_what_waits_for_a_target_that_is_declared_no_more(orders: Database) -> None:
    insert(orders)
    declare(orders, "process_order", further=())

    shown = "select target, enabled, pending from bridge.status order by target"
    assert orders.rows(shown) == [["edge", None, 1], ["process_order", True, 1]]


def should_forget_the_secret_of_a_target_that_is_declared_no_more(orders: Database) -> None:
    orders.execute("select vault.create_secret('mine', 'bridge_signing_secret_of_mine')")
    declare(orders, "process_order", further=())

    assert orders.column("select name from vault.secrets order by 1") == [
        "bridge_signing_secret",
        "bridge_signing_secret_of_mine",
    ]


def should_refuse_a_target_that_is_not_declared(orders: Database) -> None:
    with pytest.raises(errors.InvalidParameterValue) as refusal:
        declare(orders, "nobody")

    assert refusal.value.diag.message_primary == (
        'target "nobody" of webhook "webhook" is not declared; declared: edge, process_order'
    )


ONE_TARGET = """
create schema bridge;
create table bridge.target (name text primary key, kind text not null check (kind in ('queue')));
create table bridge.webhook (
  name text primary key, table_schema text not null, table_name text not null, operations text[] not null,
  columns text[], condition text, target text not null references bridge.target deferrable initially deferred,
  enabled boolean not null, declaration jsonb not null);
create unlogged table bridge.posted (request_id bigint primary key, message_id uuid not null);
create view bridge.status as select name as webhook, target from bridge.webhook;
insert into bridge.target values ('process_order', 'queue');
insert into bridge.webhook values
  ('webhook', 'public', 'orders', '{insert}', null, null, 'process_order', true, '{}');
"""
ITS_OUTBOX = """
create schema if not exists bridge;
create table bridge.message (
  id uuid primary key, webhook text not null, target text not null, body jsonb not null,
  state text not null default 'pending', attempts integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz, last_error text);
create index message_due on bridge.message (due_at) where state = 'pending';
create function bridge.claim(max_messages integer, lease_seconds integer) returns integer
  language sql as 'select 1';
insert into bridge.message (id, webhook, target, body)
  values ('01936b2e-7c00-7000-8000-000000000001', 'webhook', 'process_order', '{"data": []}');
"""


@pytest.mark.parametrize("earlier", [ONE_TARGET + ITS_OUTBOX, ITS_OUTBOX])
def should_take_over_an_installation_with_one_target_a_webhook(
    empty_database: Database, earlier: str
) -> None:
    empty_database.execute(earlier)
    empty_database.execute("create table public.orders (id bigint primary key)")

    empty_database.install()
    empty_database.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    declare(empty_database, *TARGETS)
    insert(empty_database)

    assert claimed(empty_database, "queue") == ["process_order"]
    assert len(requests(empty_database)) == 2
    with empty_database.connection.transaction():
        for file in SQL_FILES:
            empty_database.execute(file.read_bytes())
