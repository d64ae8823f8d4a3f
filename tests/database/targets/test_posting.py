"""One webhook, several targets: each has its own signature, its own request and its own state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from standardwebhooks.webhooks import Webhook

from tests.database.targets.outbox import (
    SECOND,
    SLOW,
    TARGETS,
    answer,
    claimed,
    declare,
    due,
    insert,
    requests,
    states,
)
from tests.databases import SECRET, TARGET_SECRET

if TYPE_CHECKING:
    from tests.databases import Database


def should_post_to_each_target_what_is_signed_with_its_own_secret(orders: Database) -> None:
    message = insert(orders)

    sent = requests(orders)
    assert sent.keys() == {
        "https://api.example.com/webhooks/webhook",
        "https://edge.example.com/hooks/webhook",
    }
    for (headers, body), secret in zip(sent.values(), (SECRET, TARGET_SECRET), strict=True):
        assert Webhook(secret).verify(body, headers)["type"] == "webhook"
        assert headers["webhook-id"] == message
    assert states(orders, message) == {name: ["pending", 0, None] for name in TARGETS}


def should_keep_a_state_for_each_target(orders: Database) -> None:
    message = insert(orders)

    answer(orders, "edge", 202)
    answer(orders, "handle_order", 500)

    assert states(orders, message) == {
        "edge": ["delivered", 0, None],
        "handle_order": ["pending", 0, "HTTP 500"],
    }


def should_reach_all_queues_with_one_request(orders: Database) -> None:
    declare(orders, "handle_order", "second", further=(SECOND,))
    message = insert(orders)

    assert len(requests(orders)) == 1
    answer(orders, "second", 202)

    assert {state for state, *_ in states(orders, message).values()} == {"delivered"}


def should_leave_a_target_to_redelivery_that_gives_no_receipts(orders: Database) -> None:
    message = insert(orders)

    # A page that a redirect led to, or a receiver that knows none.
    answer(orders, "edge", 200, content=f'{{"received": true, "id": "{message}"}}')

    assert states(orders, message)["edge"] == ["pending", 0, "HTTP 200 without a receipt"]
    assert claimed(orders) == ["edge"]
    orders.execute("update bridge.target set slow_until = '-infinity'")
    insert(orders, 2)
    assert "https://api.example.com/webhooks/bridge.ring" in requests(orders)
    assert claimed(orders) == ["edge"]


@pytest.mark.parametrize(("content", "receipts"), [(None, True), ("OK", False), ("x" * 20_000, False)])
def should_learn_from_a_ping_whether_a_target_gives_receipts(
    orders: Database, content: str | None, *, receipts: bool
) -> None:
    orders.execute("update bridge.target set gives_receipts = not %s where name = 'edge'", [receipts])
    request = orders.scalar("select bridge.ping('edge')")
    message = str(orders.scalar("select message_id from bridge.posted"))
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content) values (%s, 200, false, %s)",
        [request, orders.receipts(message)["edge"] if content is None else content],
    )

    assert orders.scalar("select bridge.ping_answer(%s) -> 'receipt'", [request]) is receipts

    assert orders.scalar("select gives_receipts from bridge.target where name = 'edge'") is receipts


def should_ring_for_a_target_that_pg_net_does_not_post_to(orders: Database) -> None:
    orders.execute("select bridge.set_signing_secret(%s, 'slow')", [TARGET_SECRET])
    declare(orders, "slow", further=(SLOW,))

    insert(orders)

    assert requests(orders).keys() == {"https://api.example.com/webhooks/bridge.ring"}
    assert claimed(orders) == ["slow"]


def should_leave_to_redelivery_a_target_without_a_secret(orders: Database) -> None:
    orders.execute("delete from vault.secrets where name = 'bridge_signing_secret:edge'")

    insert(orders)

    assert requests(orders).keys() == {
        "https://api.example.com/webhooks/webhook",
        "https://api.example.com/webhooks/bridge.ring",
    }
    assert claimed(orders) == ["edge"]


def should_hand_out_each_targets_messages_in_turn(orders: Database) -> None:
    for order in range(6):
        insert(orders, order)
    orders.execute(
        "delete from bridge.message where target = 'edge'"
        " and id < (select id from bridge.message order by id desc limit 1)"
    )
    due(orders)

    assert sorted(orders.column("select target from bridge.claim(2, 60)")) == ["edge", "handle_order"]


def should_keep_an_event_that_no_target_can_be_sent(orders: Database) -> None:
    orders.execute("alter table public.orders drop constraint orders_pkey, add note text")
    orders.execute("insert into public.orders values (1, repeat('x', 300000))")

    assert orders.column("select target from bridge.dead_letter order by 1") == ["edge", "handle_order"]


def should_ping_a_target(orders: Database) -> None:
    request = orders.scalar("select bridge.ping('edge')")

    [[url, headers, body]] = orders.rows(
        "select url, headers, body from net.http_request_queue where id = %s", [request]
    )
    assert url == "https://edge.example.com/hooks/bridge.ping"
    assert Webhook(TARGET_SECRET).verify(body, headers)["data"] == []


@pytest.mark.parametrize("name", ["handle_order", "nobody"])
def should_say_that_there_is_no_target_to_ping(orders: Database, name: str) -> None:
    with pytest.raises(errors.UndefinedObject, match=f'no http target "{name}"'):
        orders.execute("select bridge.ping(%s)", [name])
