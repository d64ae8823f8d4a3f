"""What functions answer while something that they need is away, and afterwards."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg

from bench.crowd import gather
from local.pooler import POOL_SIZE

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment

# More than the pool has; not many more, because starting an instance takes this machine a second.
CROWD = 25
CROWDS = 5


def should_answer_503_while_the_database_is_away_and_go_on_after(deployment: Deployment) -> None:
    token = deployment.system.token(str(uuid4()))
    assert deployment.call("GET", "/orders", token=token).status_code == 200
    pooler = deployment.system.pooler
    assert pooler is not None
    pooler.stop()
    try:
        away = deployment.call("GET", "/orders", token=token)
        health = deployment.call("GET", "/health")
    finally:
        pooler.start_again()
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert "127.0.0.1" not in away.text
    assert health.status_code == 503
    assert deployment.call("GET", "/orders", token=token).status_code == 200
    assert deployment.call("GET", "/health").status_code == 200


def should_answer_all_of_a_crowd_with_no_more_connections_than_the_pool_has(deployment: Deployment) -> None:
    token = deployment.system.token("", role="service_role")
    system, pooler = deployment.system, deployment.system.pooler
    assert pooler is not None

    url = f"{deployment.outputs['ApiUrl']}/orders?limit=1"
    headers = {"authorization": f"Bearer {token}"}
    # From here on API Gateway knows the token.
    assert deployment.call("GET", "/orders?limit=1", token=token).status_code == 200

    # Instances that are warm answer for those that aren't yet: it takes some crowds until all are.
    for _ in range(CROWDS):
        crowd = gather(
            url, size=CROWD, headers=headers, direct_url=system.direct_url, waiting=pooler.under_way
        )
        assert crowd.statuses == {200: CROWD}
        assert crowd.backends <= POOL_SIZE
        if crowd.gathered > POOL_SIZE:
            break
    # Redelivery, which comes by, counts as well.
    assert crowd.gathered > POOL_SIZE


def should_answer_503_in_time_when_the_pool_is_taken(deployment: Deployment) -> None:
    token = deployment.system.token(str(uuid4()))
    with ExitStack() as stack:
        for _ in range(POOL_SIZE):
            holder = stack.enter_context(
                psycopg.connect(deployment.system.pooled_url, prepare_threshold=None)
            )
            holder.execute("select 1")
        taken = deployment.call("GET", "/orders", token=token)
    assert (taken.status_code, taken.headers["retry-after"]) == (503, "5")
    assert deployment.call("GET", "/orders", token=token).status_code == 200
