"""A target that is out of reach is held, longer each time, and no other is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.database.targets.outbox import answer, claimed, due, insert, requests, states, target

if TYPE_CHECKING:
    from tests.databases import Database


def refuse(orders: Database, status: int | None, *, seconds: int = 0, of: str = "edge") -> None:
    """What redelivery records of an attempt to deliver all that waits."""
    orders.rows(
        "select bridge.refuse(id, target, 'HTTP ' || %s::int, %s::int, make_interval(secs => %s))"
        " from bridge.message where target = %s and state = 'pending'",
        [status or 0, status, seconds, of],
    )


@pytest.mark.parametrize("status", [None, 429, 502, 503, 504])
def should_hold_a_target_that_is_out_of_reach_and_no_other(orders: Database, status: int | None) -> None:
    insert(orders)
    refuse(orders, status)
    orders.execute("truncate net.http_request_queue, bridge.posted")
    insert(orders, 2)
    due(orders)

    assert target(orders) == [1, True, None]
    assert len(requests(orders)) == 1
    assert claimed(orders, "http") == []
    assert claimed(orders, "queue") == ["handle_order"] * 2


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def should_not_hold_a_target_for_a_message_that_it_refuses(orders: Database, status: int) -> None:
    insert(orders)
    refuse(orders, status)

    assert target(orders) == [0, False, None]


@pytest.mark.parametrize("status", [None, 200, 404, 410, 429, 503])
def should_neither_hold_nor_pause_a_target_for_what_pg_net_recorded(
    orders: Database, status: int | None
) -> None:
    message = insert(orders)

    answer(orders, "edge", status, content="anybody may have written this")

    assert target(orders) == [0, False, None]
    assert states(orders, message)["edge"][:2] == ["pending", 0]
    # The message is redelivery's at once, and so is what follows.
    assert claimed(orders) == ["edge"]
    insert(orders, 2)
    assert claimed(orders) == ["edge"]


def should_never_hold_a_queue(orders: Database) -> None:
    insert(orders)
    refuse(orders, 503, of="handle_order")

    assert target(orders, "handle_order") == [0, False, None]


def should_take_a_target_off_the_fast_path_that_is_slower_than_pg_net_waits(orders: Database) -> None:
    insert(orders)
    answer(orders, "edge", None)
    orders.execute("select bridge.complete(array_agg(id), array_agg(target)) from bridge.message")

    insert(orders, 2)

    assert requests(orders).keys() == {
        "https://api.example.com/webhooks/webhook",
        "https://api.example.com/webhooks/bridge.ring",
    }
    assert claimed(orders) == ["edge"]


def should_leave_a_target_in_peace_as_long_as_it_asks_for(orders: Database) -> None:
    message = insert(orders)

    refuse(orders, 429, seconds=1234)

    waits = orders.rows(
        """select extract(epoch from t.held_until - now()), extract(epoch from m.due_at - now())
        from bridge.target as t join bridge.message as m on m.target = t.name
        where m.id = %s and t.name = 'edge'""",
        [message],
    )
    assert len(waits) == 1
    assert all(1230 < wait <= 1234 for wait in waits[0])


def should_count_what_failed_together_once(orders: Database) -> None:
    for order in range(5):
        insert(orders, order)

    refuse(orders, 503)

    assert target(orders) == [1, True, None]


def should_wait_for_no_other_run_that_records_the_same(orders: Database) -> None:
    messages = [insert(orders, order) for order in range(2)]
    orders.execute("update bridge.target set failures = 1 where name = 'edge'")
    orders.execute("set lock_timeout to '1s'")
    with orders.connect() as other:
        other.autocommit = False
        other.execute("select bridge.hold('edge')")

        orders.execute("select bridge.hold('edge')")
        orders.execute("select bridge.refuse(%s, 'edge', 'HTTP 410', 410)", [messages[0]])
        orders.execute("select bridge.complete(array[%s]::uuid[], '{edge}')", [messages[1]])
        other.commit()

    assert target(orders) == [2, True, None]


def should_hold_longer_each_time_up_to_five_minutes(orders: Database) -> None:
    holds = []
    for _ in range(9):
        orders.execute("select bridge.hold('edge')")
        query = "select extract(epoch from held_until - now()) from bridge.target where name = 'edge'"
        holds.append(orders.scalar(query))
        orders.execute("update bridge.target set held_until = clock_timestamp()")

    assert holds == [pytest.approx(wait, abs=0.5) for wait in (5, 10, 20, 40, 80, 160, 300, 300, 300)]


def should_ask_with_one_message_whether_a_target_is_back(orders: Database) -> None:
    messages = [insert(orders, order) for order in range(4)]
    refuse(orders, 503)
    orders.execute("update bridge.target set held_until = clock_timestamp()")
    due(orders)

    assert claimed(orders) == ["edge"]
    orders.execute("select bridge.complete(array[%s]::uuid[], '{edge}')", [messages[0]])

    assert target(orders) == [0, False, None]
    assert claimed(orders) == ["edge"] * 3


def should_post_to_a_target_again_once_the_first_hold_is_over(orders: Database) -> None:
    insert(orders)
    refuse(orders, 503)
    orders.execute("truncate net.http_request_queue, bridge.posted")
    orders.execute("update bridge.target set held_until = clock_timestamp()")

    insert(orders, 2)

    assert "https://edge.example.com/hooks/webhook" in requests(orders)


def should_let_redelivery_try_a_target_first_that_failed_again_and_again(orders: Database) -> None:
    orders.execute("update bridge.target set failures = 3 where name = 'edge'")

    insert(orders)

    assert "https://edge.example.com/hooks/webhook" not in requests(orders)
