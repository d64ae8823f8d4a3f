"""What bridge.status and its like tell a person: above all, what is no longer captured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.databases import TARGET_SECRET, webhook

if TYPE_CHECKING:
    from tests.databases import Database

ALL = ["insert", "update", "delete"]
MISSING = 'select operation, "table", because from bridge.missing_trigger order by operation'


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    database.sync(table="public.orders", operations=ALL)
    return database


def status(database: Database, column: str) -> Any:
    return database.scalar(f"select {column} from bridge.status")


def missing_triggers(database: Database) -> int:
    found: int = database.scalar("select missing_triggers from bridge.metrics()")
    return found


def should_miss_nothing_after_a_deployment(orders: Database) -> None:
    assert orders.rows(MISSING) == []
    assert status(orders, "not_captured") is None
    assert missing_triggers(orders) == 0


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ("drop trigger bridge_webhook_update on public.orders", "the trigger is gone"),
        ("alter table public.orders disable trigger bridge_webhook_update", "the trigger is disabled"),
        ("alter table public.orders enable replica trigger bridge_webhook_update", "the trigger is disabled"),
        ("drop function bridge.capture_webhook_update() cascade", "the trigger is gone"),
    ],
)
def should_say_which_trigger_no_longer_fires(orders: Database, change: str, because: str) -> None:
    orders.execute(change)

    assert orders.rows(MISSING) == [["update", "public.orders", because]]
    assert status(orders, "not_captured") == ["update"]
    assert missing_triggers(orders) == 1


def should_take_a_trigger_that_always_fires_for_one_that_does(orders: Database) -> None:
    orders.execute("alter table public.orders enable always trigger bridge_webhook_update")

    assert orders.rows(MISSING) == []


def should_say_that_a_table_is_gone(orders: Database) -> None:
    orders.execute("drop table public.orders")

    assert orders.rows(MISSING) == [[each, "public.orders", "the table is gone"] for each in sorted(ALL)]
    assert status(orders, "not_captured") == sorted(ALL)


def should_see_that_a_table_was_made_anew(orders: Database) -> None:
    orders.execute("drop table public.orders; create table public.orders (id bigint primary key)")

    assert orders.rows(MISSING) == [[each, "public.orders", "the trigger is gone"] for each in sorted(ALL)]


def should_see_that_another_table_took_the_place_of_one_that_was_renamed(orders: Database) -> None:
    orders.execute("alter table public.orders rename to old_orders")
    assert orders.rows(MISSING) == []

    orders.execute("create table public.orders (id bigint primary key)")
    assert missing_triggers(orders) == 3


def should_tell_partitions_that_came_later_apart_and_raise_no_alarm_for_them(database: Database) -> None:
    database.execute("create table public.orders (id bigint primary key) partition by range (id)")
    database.execute("create table public.orders_1 partition of public.orders for values from (0) to (10)")
    database.sync(table="public.orders", operations=["insert"])
    database.execute("create table public.orders_2 partition of public.orders for values from (10) to (20)")

    assert database.rows('select "table", on_partition from bridge.missing_trigger') == [
        ["public.orders_2", True],
    ]
    assert missing_triggers(database) == 0
    assert status(database, "not_captured") is None

    database.execute("drop trigger bridge_webhook_insert on public.orders")
    assert missing_triggers(database) == 1


def should_not_miss_what_is_declared_no_more(orders: Database) -> None:
    orders.sync_all([])

    assert orders.rows(MISSING) == []


@pytest.mark.parametrize(
    "change",
    [
        "drop trigger bridge_webhook_update on public.orders",
        "alter table public.orders disable trigger bridge_webhook_update",
        "alter table public.orders enable replica trigger bridge_webhook_update",
    ],
)
def should_repair_what_is_missing_and_capture_again(orders: Database, change: str) -> None:
    orders.execute("insert into public.orders values (1)")
    orders.execute(change)
    orders.clear()

    assert orders.scalar("select bridge.repair()") == ["bridge_webhook_update on public.orders"]

    orders.execute("update public.orders set id = 2")
    assert [event["operation"] for event in orders.events()] == ["UPDATE"]
    assert orders.scalar("select bridge.repair()") == []


def should_repair_without_changing_what_was_set_by_hand(orders: Database) -> None:
    orders.execute("update bridge.webhook set enabled = false, max_per_minute = 60")
    orders.execute("select bridge.pause('handle_order')")
    before = orders.rows("select owner, declaration, webhook_url from bridge.installation")

    orders.scalar("select bridge.repair()")

    assert orders.rows("select owner, declaration, webhook_url from bridge.installation") == before
    assert orders.rows("select enabled, max_per_minute, paused_because from bridge.status") == [
        [False, 60, "by hand"],
    ]


def should_give_up_on_a_table_that_is_locked_rather_than_hold_up_its_writers(orders: Database) -> None:
    orders.execute("drop trigger bridge_webhook_update on public.orders")
    with orders.connect() as other, other.transaction():
        other.execute("insert into public.orders values (1)")
        orders.execute("set statement_timeout = '20 s'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            orders.execute("select bridge.repair()")

    assert missing_triggers(orders) == 1
    assert orders.scalar("show lock_timeout") == "0"
    assert orders.scalar("select bridge.repair()") == ["bridge_webhook_update on public.orders"]


def should_not_repair_what_has_no_table_and_say_so(orders: Database) -> None:
    orders.execute("drop table public.orders")

    with pytest.raises(
        psycopg.errors.InvalidParameterValue, match=r'table "public.orders" .* does not exist'
    ):
        orders.execute("select bridge.repair()")


def should_not_repair_before_anything_is_deployed(database: Database) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="nothing is deployed"):
        database.execute("select bridge.repair()")


def should_remember_the_last_delivery_when_the_outbox_has_forgotten_it(orders: Database) -> None:
    assert status(orders, "last_delivery") is None
    orders.execute("insert into public.orders values (1)")

    orders.execute("select bridge.complete(array_agg(id), array_agg(target)) from bridge.message")
    orders.clear()

    assert orders.scalar("select last_delivery between now() - interval '1 min' and now() from bridge.status")


def should_note_a_delivery_of_its_webhook_to_its_target_only(database: Database) -> None:
    database.execute("create table public.orders (id bigint primary key)")
    database.execute("select bridge.set_signing_secret(%s, 'crm')", [TARGET_SECRET])
    crm = {"name": "crm", "kind": "http", "url": "https://crm.example.com/{webhook}"}
    targets = ["handle_order", "crm"]
    both = [
        webhook(name=name, table="public.orders", operations=["insert"], targets=targets)
        for name in ("one", "two")
    ]
    database.sync_all(both, targets=[crm])
    database.execute("insert into public.orders values (1)")

    database.execute(
        "select bridge.complete(array[id], array[target]) from bridge.message"
        " where webhook = 'one' and target = 'crm'"
    )

    noted = "select webhook, target from bridge.last_delivery where at is not null"
    assert database.rows(noted) == [["one", "crm"]]


def should_note_deliveries_of_a_minute_but_not_of_each_batch(orders: Database) -> None:
    times = []
    for order, ago in enumerate(("0 s", "5 s", "15 s")):
        orders.execute("insert into public.orders values (%s)", [order])
        orders.execute("update bridge.last_delivery set at = at - %s::interval", [ago])
        times.append(status(orders, "last_delivery"))
        orders.execute("select bridge.complete(array_agg(id), array_agg(target)) from bridge.message")
        times.append(status(orders, "last_delivery"))

    never, first, five_ago, still, fifteen_ago, again = times
    assert never is None
    assert five_ago == still < first
    assert again > first > fifteen_ago


def should_not_wait_for_another_run_that_notes_a_delivery(orders: Database) -> None:
    orders.execute("insert into public.orders values (1)")
    with orders.connect() as other, other.transaction():
        other.execute("select from bridge.last_delivery for update")
        orders.execute("set lock_timeout = '1 s'")
        completed = "select bridge.complete(array_agg(id), array_agg(target)) from bridge.message"
        assert orders.scalar(completed) == 1


def should_forget_deliveries_to_what_is_declared_no_more(orders: Database) -> None:
    other = webhook(name="other", table="public.orders", operations=["insert"])
    orders.sync_all([other])
    assert orders.rows("select webhook, target from bridge.last_delivery") == [["other", "handle_order"]]


def should_count_what_was_tried_in_vain(orders: Database) -> None:
    orders.execute("insert into public.orders values (1); insert into public.orders values (2)")
    message = orders.column("select id from bridge.message order by id")[0]

    orders.execute("select bridge.fail(%s, 'handle_order', 'HTTP 500')", [message])

    assert orders.rows("select pending, failed, last_error from bridge.status") == [[2, 1, "HTTP 500"]]


def should_explain_every_column_and_every_function_in_studio(database: Database) -> None:
    silent = database.column("""
        select c.relname || '.' || a.attname from pg_attribute as a join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 'bridge'::regnamespace and c.relkind in ('r', 'v')
          and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null
        union all
        select c.relname from pg_class as c
        where c.relnamespace = 'bridge'::regnamespace and c.relkind in ('r', 'v', 'S')
          and obj_description(c.oid, 'pg_class') is null
        union all
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace = 'bridge'::regnamespace and obj_description(p.oid, 'pg_proc') is null
    """)
    assert not silent, "\n".join(silent)
