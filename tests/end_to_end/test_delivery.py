"""From a committed row to the worker's effect."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.deployment import wait_for

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment

OTHER_SECRET = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIg"


def should_process_a_committed_order(deployment: Deployment) -> None:
    orders = deployment.place()

    deployment.wait_until_processed(orders)

    assert deployment.column("select status from public.orders where id = any (%s)", [orders]) == [
        "processed"
    ]


def should_process_each_order_of_a_large_statement_once(deployment: Deployment) -> None:
    orders = deployment.place(250)

    deployment.wait_until_processed(orders)

    messages = {deployment.message_of(order)[0] for order in orders}
    assert len(messages) == 3
    processed = "select count(*) from bridge.processed_event where left(event_id, 36) = any (%s)"
    assert deployment.column(processed, [sorted(messages)]) == [250]


def should_process_a_change_again_but_not_its_own(deployment: Deployment) -> None:
    [order] = deployment.place()
    deployment.wait_until_processed([order])

    deployment.connection.execute(
        "update public.orders set processed_at = null, total = 19.98,"
        " items = jsonb_set(items, '{0,quantity}', '2') where id = %s",
        [order],
    )
    deployment.wait_until_processed([order])

    changes = "select count(*) from bridge.message where webhook = 'order.changed' and body::text like %s"
    assert deployment.column(changes, [f'%"id": {order},%']) == [1]


def should_leave_what_the_condition_leaves_out(deployment: Deployment) -> None:
    [order] = deployment.column("insert into public.orders (items, total) values ('[]', 0) returning id")

    assert deployment.messages_of(order) == []
    [other] = deployment.place()
    assert len(deployment.messages_of(other)) == 1


@pytest.mark.parametrize("minutes", [-10, 10])
def should_refuse_a_stale_request(deployment: Deployment, minutes: int) -> None:
    at = datetime.now(tz=UTC) + timedelta(minutes=minutes)

    assert deployment.post("{}", at=at).status_code == 401


def should_refuse_a_forged_request(deployment: Deployment) -> None:
    assert deployment.post("{}", secret=OTHER_SECRET).status_code == 401
    assert deployment.post("{}", secret=OTHER_SECRET, webhook="order.unknown").status_code == 401


def should_tell_signed_mistakes_apart(deployment: Deployment) -> None:
    assert deployment.post("{}", webhook="order.unknown").status_code == 404
    assert deployment.post("{").status_code == 400
    assert deployment.post('{"type": "order.created"}').status_code == 400


def should_drop_a_message_that_comes_again(deployment: Deployment) -> None:
    [order] = deployment.place()
    deployment.wait_until_processed([order])
    processed_at = deployment.column("select processed_at from public.orders where id = %s", [order])
    message_id, body = deployment.message_of(order)

    assert deployment.post(body, message_id=message_id).status_code == 202

    wait_for(lambda: f'"event_id":"{message_id}:0"' in after(deployment.logs(), "duplicate skipped"))
    assert deployment.column("select processed_at from public.orders where id = %s", [order]) == processed_at


def after(text: str, words: str) -> str:
    return "\n".join(line for line in text.splitlines() if words in line)


def should_set_a_poison_event_aside_alone(deployment: Deployment) -> None:
    [poison, *good] = deployment.column(
        "insert into public.orders (items, total)"
        """ select '[{"sku": "a", "quantity": 1, "price": 5}]', case n when 1 then 6 else 5 end"""
        " from generate_series(1, 5) as n returning id"
    )

    deployment.wait_until_processed(good)

    letters: list[int] = []
    wait_for(lambda: bool(collect_dead_orders(deployment, letters)))
    # A message that came twice dies twice.
    assert set(letters) == {poison}
    assert deployment.unprocessed([poison]) == [poison]


def collect_dead_orders(deployment: Deployment, letters: list[int]) -> list[int]:
    letters.extend(letter["record"]["id"] for letter in deployment.dead_letters())
    return letters


def should_deliver_what_pg_net_does_not(deployment: Deployment) -> None:
    deployment.system.pg_net.stop()
    try:
        orders = deployment.place(120)
        wait_for(lambda: deployment.redeliver().get("pending") == 0)
        deployment.wait_until_processed(orders)
    finally:
        deployment.system.pg_net.start()


def should_ring_for_redelivery_that_then_looks_by_itself(deployment: Deployment) -> None:
    deployment.rest()
    orders = [order for _ in range(20) for order in deployment.place()]

    deployment.wait_until_processed(orders)

    posted = deployment.column(
        "select count(*) from net._http_response as r join bridge.message as m"
        " on position(m.id::text in r.content) > 0"
        " where m.body -> 'data' -> 0 -> 'record' ->> 'id' = any (%s)",
        [[str(order) for order in orders]],
    )
    # The first after the rest; one more where this machine takes a second for it all.
    assert posted[0] <= 3
    wait_for(lambda: '"rung":true' in deployment.logs())


def should_settle_what_pg_net_delivered(deployment: Deployment) -> None:
    deployment.rest()
    orders = deployment.place(3)
    message_id, _ = deployment.message_of(orders[0])
    # However long pg_net takes where functions are cold, redelivery leaves it alone.
    later = "update bridge.message set due_at = now() + interval '1 hour' where id = %s and state = 'pending'"
    deployment.connection.execute(later, [message_id])
    deployment.wait_until_processed(orders)

    wait_for(lambda: deployment.redeliver().get("pending") == 0)

    state = deployment.rows(
        "select state, attempts, last_error from bridge.message where id = %s", [message_id]
    )
    assert state == [["delivered", 0, None]]


def should_keep_secrets_out_of_everything_readable(deployment: Deployment) -> None:
    deployment.wait_until_processed(deployment.place())
    password = deployment.system.direct_url.split(":")[2].split("@")[0]

    text = deployment.logs() + deployment.stack_text()

    assert "order.created" in text
    members = (
        ("webhook-signing", "current"),
        ("supabase", "anon_key"),
        ("supabase-service-role", "service_role_key"),
        ("supabase-jwt", "jwt_secret"),
        ("stripe", "secret_key"),
    )
    for secret in (password, *(deployment.secret(entry)[member] for entry, member in members)):
        assert secret not in text
    assert json.dumps("espresso") not in text.replace("\\", "")


def should_never_log_the_address_of_cloudformations_answer(deployment: Deployment) -> None:
    assert '"kind":"Create"' in deployment.logs(of="DatabaseFunction")
    assert "ResponseURL" not in deployment.logs(of="DatabaseFunction")
