"""What functions answer while something that they need is away, and afterwards."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from tests.end_to_end.deployment import PROBLEM, wait_for
from tools.bench.crowd import gather, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.end_to_end.deployment import Deployment

    Ask = Callable[[], httpx.Response]

# More than the pool has; not many more, because starting an instance takes this machine a second.
CROWD = 12
CROWDS = 5
STEP = 4
# API Gateway gives up after 30 seconds, and would answer in another form.
GATEWAY_SECONDS = 30


@pytest.fixture
def over_postgres(deployment: Deployment, user: str) -> list[Ask]:
    """The routes that need the pooler; each has answered once."""
    token, order = deployment.system.token(user), deployment.order_of(user)
    return warmed(
        lambda: deployment.call("GET", "/orders", token=token),
        lambda: deployment.call(
            "POST",
            f"/orders/{order}/payment",
            token=token,
            json={"payment_method": "pm_card_visa"},
            headers={"idempotency-key": str(uuid4())},
        ),
    )


@pytest.fixture
def over_rest(deployment: Deployment, user: str) -> list[Ask]:
    """The routes that need Supabase's API; each has answered once."""
    token, server = deployment.system.token(user), deployment.system.token("", role="service_role")
    return warmed(
        lambda: deployment.call("GET", "/users", token=token),
        lambda: deployment.call(
            "POST", "/users", token=server, json={"email": f"{uuid4()}@example.com", "name": "Ada"}
        ),
    )


def warmed(*asks: Ask) -> list[Ask]:
    assert {ask().status_code for ask in asks} <= {200, 201}
    return list(asks)


@contextmanager
def no_pooler(deployment: Deployment) -> Iterator[None]:
    pooler = deployment.system.pooler
    assert pooler is not None
    pooler.stop()
    try:
        yield
    finally:
        pooler.start_again()


@contextmanager
def full_pool(deployment: Deployment) -> Iterator[None]:
    pooler = deployment.system.pooler
    assert pooler is not None
    with ExitStack() as stack:
        for _ in range(pooler.size):
            holder = psycopg.connect(deployment.system.pooled_url, prepare_threshold=None)
            stack.enter_context(holder).execute("select 1")
        yield


@contextmanager
def silent_api(deployment: Deployment) -> Iterator[None]:
    pid = deployment.system.state().processes["supabase_api"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def parts(deployment: Deployment) -> list[str]:
    """How the database and the REST API are, by GET /health."""
    answer = deployment.call("GET", "/health").json()
    return [answer["database"]["status"], answer["rest"]["status"]]


def require_refusal_in_time(deployment: Deployment, asks: list[Ask], health: list[str]) -> None:
    """Require that all are answered with 503 in time, without a word about where."""
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        healths = pool.submit(parts, deployment)
        answers = list(pool.map(lambda ask: ask(), asks))
    assert time.monotonic() - began < GATEWAY_SECONDS
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
        assert answer.headers["retry-after"] == "5"
        assert "127.0.0.1" not in answer.text
    assert healths.result() == health


@pytest.mark.parametrize("outage", [no_pooler, full_pool])
def should_answer_503_while_no_connection_is_to_be_had_and_go_on_after(
    deployment: Deployment, over_postgres: list[Ask], outage: Callable[[Deployment], ExitStack]
) -> None:
    with outage(deployment):
        require_refusal_in_time(deployment, over_postgres, ["unavailable", "ok"])
    assert {ask().status_code for ask in over_postgres} == {200}
    wait_for(lambda: parts(deployment) == ["ok", "ok"])


def should_answer_503_while_supabase_is_silent_and_go_on_after(
    deployment: Deployment, over_rest: list[Ask]
) -> None:
    with silent_api(deployment):
        require_refusal_in_time(deployment, over_rest, ["ok", "unavailable"])
    assert over_rest[0]().status_code == 200
    wait_for(lambda: parts(deployment) == ["ok", "ok"])


def should_answer_all_of_a_crowd_with_no_more_connections_than_the_pool_has(deployment: Deployment) -> None:
    token = deployment.system.token("", role="service_role")
    system, pooler = deployment.system, deployment.system.pooler
    assert pooler is not None

    url = f"{deployment.outputs['WebhookUrl']}/orders?limit=1"
    headers = {"authorization": f"Bearer {token}"}
    # So many instances starting at once would take this machine longer than a function may.
    for size in range(STEP, CROWD + 1, STEP):
        warm(url, size=size, headers=headers)

    # Instances that are warm answer for those that aren't yet: it takes some crowds until all are.
    for _ in range(CROWDS):
        crowd = gather(
            url, size=CROWD, headers=headers, direct_url=system.direct_url, waiting=pooler.under_way
        )
        assert crowd.statuses == {200: CROWD}
        assert crowd.backends <= pooler.size
        if crowd.gathered > pooler.size:
            break
    # Redelivery, which comes by, counts as well.
    assert crowd.gathered > pooler.size
