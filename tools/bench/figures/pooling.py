"""Concurrent invocations over a pool of 20 connections, and straight to Postgres.

Each request runs GET /orders in an instance of its own. They are held at a table's lock for four seconds, or
until every one has begun its transaction or waits for the pooler to let it begin; then they go on together.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg

from tools.bench.crowd import REQUEST_SECONDS, Crowd, gather, warm
from tools.bench.figure import Figure
from tools.bench.scale import Scale
from tools.local import deploy
from tools.local.aws import client
from tools.local.declaration import SHOP, write_declaration
from tools.local.pooler import POOL_SIZE
from tools.local.system import System

# So many instances more are started with each crowd: starting is what takes this machine's time.
STEP = 25
SERVED = 200
# What a request gets for which no connection was left. One that wasn't answered proves nothing.
REFUSED = 503
CONFIG = """
[functions.users]
routes = { "GET /users" = ["service_role"] }

[functions.payments]
routes = { "POST /orders/{id}/payment" = ["service_role"] }

[functions.health]
routes = { "GET /health" = [] }

[functions.orders]
routes = { "GET /orders" = ["service_role"] }
secrets = ["database"]
max_concurrency = {size}
snap_start = false

[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
rotation_days = 0
pool_clients = {clients}
"""
SCHEMA = SHOP / "schema.sql"


def measure(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    """Gather the crowd over the pool, and then without one.

    Raises:
        RuntimeError: it did not gather, or there is a pooler already.
    """
    if "DATABASE_POOLED_URL" in os.environ:
        raise RuntimeError("this needs a pooler of its own: unset DATABASE_POOLED_URL")
    with System(say=say) as system:
        function, url = _deploy(system, scale.crowd)
        headers = {"authorization": f"Bearer {system.token('', role='service_role')}"}
        assert system.pooler is not None  # noqa: S101 - checked above
        pooled = _grow(system, scale.crowd, url, headers, system.pooler.under_way)
        say("Giving the function the direct address instead of the pooler's")
        _bypass_the_pooler(system, function)
        # Connected now: with each of the crowd connected, Postgres has few connections left, for superusers.
        with psycopg.connect(system.admin_url, autocommit=True) as counting:
            direct = _grow(system, scale.crowd, url, headers, lambda: _under_way(counting))
    if not pooled.gathered > POOL_SIZE >= pooled.backends:
        raise RuntimeError(
            f"{pooled.gathered} requests were under way together, over {pooled.backends} connections"
        )
    refused = scale.crowd - direct.statuses.get(SERVED, 0)
    yield Figure(
        name="pooling",
        title=f"not served of {scale.crowd} invocations at once, over a pool of {POOL_SIZE}; and without it",
        unit="requests",
        ours=[scale.crowd - pooled.statuses.get(SERVED, 0)],
        # Fewer than Postgres has connections are all served.
        theirs=[refused] if refused else (),
        reach=0,
        note=f"{pooled.gathered} were under way together over {pooled.backends} connections to Postgres; "
        f"without the pooler they took {direct.backends}, and the answers were {_listed(direct)}",
        details={"under_way": pooled.gathered, "connections": pooled.backends},
    )


def _listed(crowd: Crowd) -> str:
    return ", ".join(f"{count} times {status}" for status, count in sorted(crowd.statuses.items()))


def _deploy(system: System, size: int) -> tuple[str, str]:
    with psycopg.connect(system.direct_url, autocommit=True) as connection:
        connection.execute(SCHEMA.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        declared = CONFIG.replace("{size}", str(size)).replace("{clients}", str(2 * size))
        config = write_declaration(declared, Path(folder))
        system.say("Deploying GET /orders (cdk deploy)")
        deploy.bootstrap(system)
        outputs = deploy.deploy(system, config=config)
    return str(outputs["FunctionOrders"]), f"{outputs['WebhookUrl']}/orders?limit=1"


def _grow(
    system: System, largest: int, url: str, headers: dict[str, str], waiting: Callable[[], int]
) -> Crowd:
    """Send larger and larger crowds, until the largest is answered or one is refused."""
    # From here on API Gateway knows the token.
    httpx.get(url, headers=headers, timeout=REQUEST_SECONDS, trust_env=False)
    # The last once more: by then all instances have started that it takes.
    for size in (*range(STEP, largest + 1, STEP), largest):
        if set(warm(url, size=size, headers=headers)) == {SERVED}:
            system.say(f"{size} instances are up")
        crowd = gather(url, size=size, headers=headers, direct_url=system.admin_url, waiting=waiting)
        if REFUSED in crowd.statuses:
            break
    return crowd


def _under_way(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where application_name like 'orders%' and state <> 'idle'"
    ).fetchone()
    return row[0] if row else 0


def _bypass_the_pooler(system: System, function: str) -> None:
    secrets, functions = (client(service, system.aws_endpoint) for service in ("secretsmanager", "lambda"))
    entry = f"external-compute/{deploy.STAGE}/database"
    secrets.put_secret_value(SecretId=entry, SecretString=json.dumps({"database_url": system.direct_url}))
    # A change of its environment makes new instances, which read the entry anew.
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {**variables, "DATABASE": "straight"}}
    )
