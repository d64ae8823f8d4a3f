"""An ordered webhook: what happened to a row is leased in its order, and nothing overtakes what waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from tests.databases import webhook

if TYPE_CHECKING:
    import psycopg

    from tests.databases import Database

QUEUE = {"name": "in_order", "kind": "queue", "ordered": True}
CHANGED = webhook(
    name="order.changed", table="public.orders", operations=["insert", "update", "delete"], ordered=True,
    targets=["in_order"],
)  # fmt: skip


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key, note text)")
    database.sync_all([CHANGED], targets=[QUEUE])
    return database


def insert(orders: Database, order: int) -> str:
    orders.execute("insert into public.orders values (%s)", [order])
    return str(orders.scalar("select max(id::text) from bridge.message"))


def claim(connection: psycopg.Connection[Any], most: int = 100) -> list[str]:
    rows = connection.execute("select id::text from bridge.claim(%s, 60) order by id", [most])
    return [row[0] for row in rows]


def should_leave_it_to_redelivery_at_once(orders: Database) -> None:
    message = insert(orders, 1)

    assert orders.column("select url from net.http_request_queue") == [
        "https://api.example.com/webhooks/bridge.ring"
    ]
    assert claim(orders.connection) == [message]


def should_name_the_row_in_each_event(orders: Database) -> None:
    orders.execute("insert into public.orders values (1), (2)")
    orders.execute("update public.orders set id = 3 where id = 1")
    orders.execute("delete from public.orders where id = 3")

    assert [(event["operation"], event["key"]) for event in orders.events()] == [
        ("INSERT", {"id": 1}),
        ("INSERT", {"id": 2}),
        ("UPDATE", {"id": 1}),
        ("DELETE", {"id": 3}),
    ]


def should_name_the_row_of_what_could_not_be_evaluated_at_once(orders: Database) -> None:
    orders.sync_all([CHANGED | {"operations": ["insert"], "when": "1 / new.id > 0"}], targets=[QUEUE])
    orders.execute("insert into public.orders values (0), (1)")

    assert [event["key"] for event in orders.events()] == [{"id": 1}]


def should_hold_up_what_follows_while_a_message_is_leased_or_waits_for_its_next_attempt(
    orders: Database,
) -> None:
    first, second, third = insert(orders, 1), insert(orders, 2), insert(orders, 3)
    assert claim(orders.connection, 1) == [first]
    assert claim(orders.connection) == []

    orders.execute("select bridge.fail(%s, 'in_order', 'SQS is away')", [first])
    assert claim(orders.connection) == []

    orders.execute("update bridge.message set due_at = now() where id = %s", [first])
    orders.execute("update bridge.message set due_at = now() + interval '5 s' where id = %s", [third])
    assert claim(orders.connection) == [first, second]


def should_let_one_deliverer_at_a_time_lease(orders: Database) -> None:
    messages = [insert(orders, number) for number in range(40)]
    with orders.connect() as other, other.transaction():
        assert claim(other, 10) == messages[:10]
        assert claim(orders.connection) == []
    assert claim(orders.connection) == []


def should_lease_each_message_after_those_before_it_however_many_deliver(orders: Database) -> None:
    for number in range(60):
        insert(orders, number)
    taken: list[str] = []

    def deliver() -> None:
        with orders.connect() as connection:
            while connection.execute("select from bridge.message where state = 'pending'").rowcount:
                for message in claim(connection, 7):
                    taken.append(message)
                    done = "select bridge.complete(array[%s]::uuid[], '{in_order}')"
                    connection.execute(done, [message])

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(taken) == 60
    assert taken == sorted(taken)


def should_keep_the_order_through_a_pause(orders: Database) -> None:
    before = insert(orders, 1)
    orders.execute("select bridge.pause_webhook('order.changed')")
    assert claim(orders.connection) == []
    after = insert(orders, 2)
    orders.execute("select bridge.resume_webhook('order.changed')")
    orders.rows("select bridge.admit(10)")

    assert claim(orders.connection) == [before, after]


def should_let_nothing_overtake_what_is_still_parked(orders: Database) -> None:
    orders.execute("select bridge.pause_webhook('order.changed')")
    parked = [insert(orders, number) for number in range(4)]
    orders.execute("select bridge.resume_webhook('order.changed')")
    later = insert(orders, 4)

    assert claim(orders.connection) == []
    orders.rows("select bridge.admit(2)")
    assert claim(orders.connection) == parked[:2]
    orders.execute("select bridge.complete(%s::uuid[], '{in_order,in_order}')", [parked[:2]])
    orders.rows("select bridge.admit(2)")
    assert claim(orders.connection) == [*parked[2:], later]


def should_keep_the_order_when_a_limit_comes_and_goes(orders: Database) -> None:
    messages = [insert(orders, number) for number in range(3)]
    assert claim(orders.connection, 1) == messages[:1]
    orders.execute("select bridge.limit('order.changed', 1)")
    # What is leased is not parked, and holds up the rest.
    orders.rows("select bridge.admit(10)")
    assert claim(orders.connection) == []
    orders.execute("select bridge.complete(%s::uuid[], '{in_order}')", [messages[:1]])
    assert claim(orders.connection) == messages[1:2]
    orders.execute("select bridge.limit('order.changed', null)")
    later = insert(orders, 3)
    assert claim(orders.connection) == []
    orders.rows("select bridge.admit(10)")
    orders.execute("select bridge.complete(%s::uuid[], '{in_order}')", [messages[1:2]])
    assert claim(orders.connection) == [messages[2], later]


def should_not_let_a_paused_webhook_hold_up_another_on_the_same_target(orders: Database) -> None:
    other = CHANGED | {"name": "other"}
    orders.sync_all([CHANGED, other], targets=[QUEUE])
    orders.execute("select bridge.pause_webhook('order.changed')")
    insert(orders, 1)
    insert(orders, 2)

    assert orders.column("select webhook from bridge.claim(10, 60)") == ["other", "other"]


def should_order_what_waited_when_its_target_became_ordered(orders: Database) -> None:
    orders.sync_all([CHANGED | {"ordered": False}], targets=[QUEUE | {"ordered": False}])
    first = insert(orders, 1)
    orders.execute("update bridge.message set due_at = now() + interval '1 hour'")
    orders.sync_all([CHANGED], targets=[QUEUE])
    insert(orders, 2)

    assert claim(orders.connection) == []
    orders.execute("update bridge.message set due_at = now() where id = %s", [first])
    assert len(claim(orders.connection)) == 2


def should_deliver_what_was_written_before_its_target_was_ordered_and_after(orders: Database) -> None:
    first = insert(orders, 1)
    plain = CHANGED | {"ordered": False}
    orders.sync_all([plain], targets=[QUEUE | {"ordered": False}])
    second = insert(orders, 2)
    orders.sync_all([CHANGED], targets=[QUEUE])
    third = insert(orders, 3)
    orders.execute("update bridge.message set due_at = now()")

    assert claim(orders.connection) == [first, second, third]


def should_not_send_to_the_api_what_goes_to_an_ordered_queue(orders: Database) -> None:
    both = CHANGED | {"targets": ["in_order", "handle_order"]}
    orders.sync_all([both], targets=[QUEUE])
    message = insert(orders, 1)

    # Beside it the ring for the other.
    assert orders.column("select targets from bridge.posted order by request_id") == [["handle_order"], []]
    assert orders.rows("select target, ordered from bridge.message where id = %s order by 1", [message]) == [
        ["handle_order", False],
        ["in_order", True],
    ]


def should_refuse_to_order_what_has_no_primary_key(orders: Database) -> None:
    orders.execute("create table public.log (line text)")
    with pytest.raises(errors.InvalidParameterValue, match='of ordered webhook "order'):
        orders.sync_all([CHANGED | {"table": "public.log", "operations": ["insert"]}], targets=[QUEUE])
