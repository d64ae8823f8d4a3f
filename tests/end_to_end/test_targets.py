"""The same events reach Lambda, a Cloudflare Worker and a Vercel function, whatever one of them does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from examples.shop.demo.edge import Edge
from tests.end_to_end.declarations import TARGETS, TO_ALL_THREE
from tests.end_to_end.deployment import Deployment, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.local.part import Part

PLATFORMS = ["cloudflare", "vercel"]


@pytest.fixture(scope="module")
def edge(shared_deployment: Deployment) -> Iterator[Edge]:
    edge = Edge(shared_deployment.system)
    try:
        shared_deployment.deploy(TARGETS + TO_ALL_THREE, target_urls=edge.target_urls, once_filled=edge.start)
        edge.admit()
        yield edge
    finally:
        edge.stop()


@pytest.fixture
def reached(edge: Edge, shared_deployment: Deployment) -> Deployment:
    """The deployment with all three targets, whichever tests ran between."""
    if not shared_deployment.column("select name from bridge.target where kind = 'http'"):
        shared_deployment.deploy(TARGETS + TO_ALL_THREE, target_urls=edge.target_urls)
    return shared_deployment


def notices(deployment: Deployment, orders: list[int]) -> dict[str, int]:
    """How often each platform did what it does for these orders."""
    query = "select channel, count(*) from public.order_notices where order_id = any (%s) group by channel"
    return dict(deployment.rows(query, [orders]))


def pending(deployment: Deployment) -> int:
    [count] = deployment.column("select pending from bridge.metrics()")
    return int(count)


def deliver_all(deployment: Deployment) -> None:
    """Redeliver as often as it takes: what the schedule does minute by minute."""

    def settled() -> bool:
        deployment.redeliver()
        return pending(deployment) == 0

    wait_for(settled)


def should_find_each_target_at_the_deployment(reached: Deployment) -> None:
    assert reached.outputs["Targets"] == "all 2 answer"


def should_reach_all_three_over_the_fast_path(reached: Deployment) -> None:
    reached.rest()
    orders = reached.place(3)
    message_id, _ = reached.messages_of(orders[0])[0]
    posted = reached.column(
        "select targets from bridge.posted where message_id = %s order by targets", [message_id]
    )
    assert posted == [["edge_worker"], ["process_order"], ["vercel_app"]]

    reached.wait_until_processed(orders)
    wait_for(lambda: notices(reached, orders) == dict.fromkeys(PLATFORMS, 3))
    # Else it is nobody's once these targets are undeclared.
    deliver_all(reached)


@pytest.mark.parametrize("platform", PLATFORMS)
def should_lose_nothing_while_one_is_stopped_and_started_again(
    reached: Deployment, edge: Edge, platform: str
) -> None:
    [other] = {*PLATFORMS} - {platform}
    part: Part | None = edge.worker if platform == "cloudflare" else edge.app
    assert part is not None
    part.stop()
    orders = reached.place(150)

    reached.wait_until_processed(orders)
    wait_for(lambda: notices(reached, orders) == {other: 150})
    reached.redeliver()
    part.start()
    more = reached.place(1)
    deliver_all(reached)

    assert notices(reached, orders + more) == dict.fromkeys(PLATFORMS, 151)
    attempts = "select coalesce(sum(attempts), 0) from bridge.message where target = %s and attempts > 0"
    target = "edge_worker" if platform == "cloudflare" else "vercel_app"
    assert reached.column(attempts, [target])[0] > 0


def should_take_effect_once_for_a_message_that_comes_twice(reached: Deployment) -> None:
    orders = reached.place(2)
    wait_for(lambda: notices(reached, orders) == dict.fromkeys(PLATFORMS, 2))
    deliver_all(reached)

    reached.rows(
        "update bridge.message set state = 'pending', due_at = now()"
        " where webhook = 'order.created' and state = 'delivered' returning id"
    )
    deliver_all(reached)

    assert notices(reached, orders) == dict.fromkeys(PLATFORMS, 2)


def should_show_no_targets_secret_anywhere(reached: Deployment) -> None:
    secrets = [reached.secret(f"target-{name}")["current"] for name in ("edge-worker", "vercel-app")]
    seen = reached.logs() + reached.stack_text()
    seen += json.dumps(reached.rows("select * from bridge.installation"), default=str)

    assert not [secret for secret in secrets if secret in seen]
