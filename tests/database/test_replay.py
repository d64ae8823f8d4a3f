"""Delivering again, giving up, and what is told of what was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.databases import webhook

if TYPE_CHECKING:
    from tests.databases import Database

EDGE = {"name": "edge", "kind": "http", "url": "https://edge.example.com/"}
CREATED = webhook(
    name="order.created", table="public.orders", operations=["insert"], targets=["handle_order", "edge"]
)
OTHER = webhook(name="other", table="public.orders", operations=["insert"])


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    database.sync_all([CREATED], targets=[EDGE])
    return database


def insert(orders: Database, order: int) -> str:
    orders.execute("insert into public.orders values (%s)", [order])
    return str(orders.scalar("select max(id::text) from bridge.message where webhook = 'order.created'"))


def deliver(orders: Database) -> None:
    orders.execute("update bridge.message set state = 'delivered', delivered_at = now()")


def pending(orders: Database) -> set[tuple[str, str]]:
    return {
        (str(message), target)
        for message, target in orders.rows(
            "select id, target from bridge.message where state = 'pending' and due_at <= clock_timestamp()"
        )
    }


def should_replay_one_message_to_all_targets_or_one(orders: Database) -> None:
    first, second = insert(orders, 1), insert(orders, 2)
    deliver(orders)

    assert orders.scalar("select bridge.replay(%s, target => 'edge')", [first]) == 1
    assert orders.scalar("select bridge.replay(message => %s)", [second]) == 2

    assert pending(orders) == {(first, "edge"), (second, "edge"), (second, "handle_order")}


def should_replay_a_webhooks_messages_of_a_time(orders: Database) -> None:
    insert(orders, 1)
    orders.execute("select pg_sleep(0.01)")
    since = orders.scalar("select clock_timestamp()")
    orders.execute("select pg_sleep(0.01)")
    second = insert(orders, 2)
    orders.execute("select pg_sleep(0.01)")
    until = orders.scalar("select clock_timestamp()")
    orders.execute("select pg_sleep(0.01)")
    insert(orders, 3)
    deliver(orders)

    query = "select bridge.replay(webhook => 'order.created', since => %s, until => %s)"
    assert orders.scalar(query, [since, until]) == 2

    assert pending(orders) == {(second, "edge"), (second, "handle_order")}


def should_replay_dead_letters_only(orders: Database) -> None:
    insert(orders, 1)
    dead = insert(orders, 2)
    deliver(orders)
    orders.execute("update bridge.message set state = 'dead', attempts = 10 where id = %s", [dead])

    assert orders.scalar("select bridge.replay(webhook => 'order.created', dead_only => true)") == 2

    assert orders.column("select distinct attempts from bridge.message where id = %s", [dead]) == [0]
    assert {message for message, _ in pending(orders)} == {dead}


def should_leave_to_workers_whether_they_know_the_events_unless_told_otherwise(orders: Database) -> None:
    message = insert(orders, 1)
    deliver(orders)
    orders.execute(
        "insert into bridge.processed_event (worker, event_id)"
        " select worker, %s || ':0' from unnest('{handle_order,vercel}'::text[]) as worker",
        [message],
    )
    processed = "select worker from bridge.processed_event order by 1"

    orders.execute("select bridge.replay(message => %s)", [message])
    assert orders.column(processed) == ["handle_order", "vercel"]
    orders.execute("select bridge.replay(message => %s, target => 'handle_order', anew => true)", [message])
    assert orders.column(processed) == ["vercel"]
    orders.execute("select bridge.replay(message => %s, target => 'edge', anew => true)", [message])
    assert orders.column(processed) == []


def should_keep_to_pauses_and_limits(orders: Database) -> None:
    message = insert(orders, 1)
    deliver(orders)
    orders.execute("select bridge.pause_webhook('order.created')")

    assert orders.scalar("select bridge.replay(message => %s)", [message]) == 2

    assert pending(orders) == set()
    orders.execute("select bridge.resume_webhook('order.created')")
    orders.rows("select bridge.admit(10)")
    assert len(pending(orders)) == 2


def should_not_send_what_can_never_be_sent(orders: Database) -> None:
    orders.sync_all([CREATED | {"when": "1 / new.id > 0"}], targets=[EDGE])
    orders.execute("insert into public.orders values (0)")
    orders.execute(
        """update bridge.message set body = jsonb_set(body, '{data,0,row}', '"(0)"') where target = 'edge'"""
    )

    assert orders.scalar("select bridge.replay(webhook => 'order.created')") == 1

    assert [target for _, target in pending(orders)] == ["handle_order"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "neither a message nor a webhook"),
        ("webhook => 'order.created', target => 'edgy'", 'no target "edgy"'),
        ("message => '01936b2e-7c00-7000-8000-000000000001'", "no message 01936b2e"),
    ],
)
def should_say_what_is_wrong_with_a_replay(orders: Database, arguments: str, said: str) -> None:
    insert(orders, 1)
    with pytest.raises(errors.DatabaseError, match=said):
        orders.execute(f"select bridge.replay({arguments})")


def should_give_up_by_hand_and_take_it_back(orders: Database) -> None:
    message = insert(orders, 1)

    assert orders.scalar("select bridge.give_up(%s, 'edge', 'nobody wants it')", [message]) == 1

    query = "select target, last_error from bridge.dead_letter"
    assert orders.rows(query) == [["edge", "given up nobody wants it"]]
    orders.execute("select bridge.replay(message => %s, dead_only => true)", [message])
    assert orders.rows(query) == []


def should_take_for_delivered_what_was_accepted_after_it_was_given_up(orders: Database) -> None:
    message = insert(orders, 1)
    orders.execute("select bridge.give_up(%s, 'edge')", [message])

    assert orders.scalar("select bridge.complete(array[%s::uuid], '{edge}')", [message]) == 1
    assert orders.rows("select * from bridge.dead_letter") == []


def should_tell_what_was_tried_when_by_whom_and_with_what_answer(orders: Database) -> None:
    message = insert(orders, 1)
    orders.rows("select bridge.take_over(array[%s]::uuid[], '{edge}', '{HTTP 500}')", [message])
    orders.rows("select bridge.refuse(%s, 'edge', 'no answer: none in time', null)", [message])
    orders.execute("select bridge.give_up(%s, 'edge')", [message])

    [tried] = orders.column("select tried from bridge.dead_letter")

    assert [(each["by"], each["answer"]) for each in tried] == [
        ("pg_net", "HTTP 500"),
        ("redeliver", "no answer: none in time"),
    ]
    assert tried[0]["at"] < tried[1]["at"]


def should_pause_a_target_that_keeps_failing_until_it_is_resumed(orders: Database) -> None:
    message = insert(orders, 1)
    paused = "select split_part(paused_because, ' 2', 1) from bridge.target where name = 'edge'"
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [message])
    orders.execute("update bridge.target set failing_since = failing_since - interval '23 h'")
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [message])
    assert orders.scalar(paused) is None

    orders.execute("update bridge.target set failing_since = failing_since - interval '1 h'")
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [message])

    assert orders.scalar(paused) == "failing since"
    orders.execute("select bridge.resume('edge')")
    assert orders.rows("select paused_because, failing_since from bridge.target where name = 'edge'") == [
        [None, None]
    ]


@pytest.mark.parametrize(("hours", "is_paused"), [(26, True), (28, False), (192, False)])
def should_not_pause_a_target_for_what_failed_longer_ago_than_any_wait_for_an_attempt(
    orders: Database, hours: int, *, is_paused: bool
) -> None:
    message = insert(orders, 1)
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [message])
    orders.execute(
        "update bridge.target set failing_since = failing_since - make_interval(hours => %s),"
        " failed_at = failed_at - make_interval(hours => %s)",
        [hours, hours],
    )
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [message])

    assert orders.scalar("select paused_at is not null from bridge.target where name = 'edge'") is is_paused


def should_not_pause_a_target_that_takes_something_now_and_then(orders: Database) -> None:
    failing, other = insert(orders, 1), insert(orders, 2)
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [failing])
    orders.execute("update bridge.target set failing_since = failing_since - interval '2 days'")
    orders.rows("select bridge.complete(array[%s::uuid], '{edge}')", [other])
    orders.rows("select bridge.refuse(%s, 'edge', 'HTTP 500', 500)", [failing])

    assert orders.scalar("select paused_at from bridge.target where name = 'edge'") is None
