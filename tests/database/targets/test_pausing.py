"""A target that is gone, or paused by hand, gets nothing, and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.database.targets.outbox import (
    EDGE,
    SECOND,
    TARGETS,
    claimed,
    declare,
    due,
    insert,
    requests,
    states,
    target,
)

if TYPE_CHECKING:
    from tests.databases import Database


def should_pause_a_target_that_is_gone_and_keep_its_messages(orders: Database) -> None:
    message = insert(orders)

    orders.execute("select bridge.refuse(%s, 'edge', 'HTTP 410', 410)", [message])
    insert(orders, 2)
    due(orders)

    assert target(orders)[2] == "HTTP 410"
    assert claimed(orders) == []
    assert states(orders, message)["edge"] == ["pending", 1, "HTTP 410"]
    assert orders.rows(
        "select target, paused_because, pending from bridge.status where paused_because is not null"
    ) == [["edge", "HTTP 410", 2]]


def should_deliver_what_collected_while_a_target_was_paused(orders: Database) -> None:
    assert orders.scalar("select bridge.pause('edge')") is True
    insert(orders)
    assert claimed(orders) == []

    orders.execute("select bridge.hold('edge', '1 hour')")
    orders.execute("update bridge.message set due_at = now() + interval '1 hour' where target = 'edge'")
    assert orders.scalar("select bridge.resume('edge')") is True

    assert claimed(orders) == ["edge"]


def should_post_to_no_queue_of_a_webhook_while_one_is_paused(orders: Database) -> None:
    declare(orders, "handle_order", "second", further=(SECOND,))
    orders.execute("select bridge.pause('second')")

    insert(orders)

    assert requests(orders).keys() == {"https://api.example.com/webhooks/bridge.ring"}
    assert claimed(orders, "queue") == ["handle_order"]


@pytest.mark.parametrize(("because", "still_paused"), [("HTTP 410", None), ("by hand", "by hand")])
def should_try_a_new_address_unless_paused_by_hand(
    orders: Database, because: str, still_paused: str | None
) -> None:
    orders.execute("select bridge.pause('edge', %s)", [because])
    orders.execute("select bridge.hold('edge', '1 hour')")
    declare(orders, *TARGETS)
    assert target(orders)[2] == because

    declare(orders, *TARGETS, further=({**EDGE, "url": "https://new.example.com/"},))

    assert target(orders) == [0, False, still_paused]
