"""200 concurrent invocations over a pool of 20 connections, and straight to Postgres: `make pooling`.

Each request runs GET /orders in an instance of its own. They are held at a table's lock for four seconds, or
until every one has begun its transaction or waits for the pooler to let it begin; then they go on together.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from bench.crowd import REQUEST_SECONDS, Crowd, gather, warm
from local import deploy
from local.aws import CREDENTIALS, REGION
from local.pooler import POOL_SIZE
from local.system import System

SIZE = 200
# So many instances more are started with each crowd: starting is what takes this machine's time.
STEP = 25
# What a request gets for which no connection was left. One that wasn't answered proves nothing.
REFUSED = 503
CONFIG = f"""
[functions.users]
routes = {{ "GET /users" = ["service_role"] }}

[functions.payments]
routes = {{ "POST /orders/{{id}}/payment" = ["service_role"] }}

[functions.health]
routes = {{ "GET /health" = [] }}

[functions.orders]
routes = {{ "GET /orders" = ["service_role"] }}
secrets = ["database"]
max_concurrency = {SIZE}
snap_start = false

[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
rotation_days = 0
pool_clients = {SIZE * 2}
"""
SCHEMA = Path(__file__).parents[1] / "local" / "demo" / "schema.sql"


def main() -> int:
    """Run both, print a table, write build/pooling.json.

    Returns:
        The exit code: 1 if the pooled crowd was not answered whole, or nothing of the other was refused.
    """
    console = Console(highlight=False)
    if "DATABASE_POOLED_URL" in os.environ:
        sys.exit("This needs a pooler of its own: unset DATABASE_POOLED_URL.")
    with System(say=lambda step: console.print(f"[cyan]•[/] {step}", soft_wrap=True)) as system:
        function, url = _deploy(system)
        headers = {"authorization": f"Bearer {system.token('', role='service_role')}"}
        assert system.pooler is not None  # noqa: S101 - checked above
        pooled = _grow(system, console, url, headers, system.pooler.under_way)
        system.say("Giving the function the direct address instead of the pooler's")
        _bypass_the_pooler(system, function)
        # Connected now: with each of the crowd connected, Postgres has few connections left, for superusers.
        with psycopg.connect(system.admin_url, autocommit=True) as counting:
            direct = _grow(system, console, url, headers, lambda: _under_way(counting))
    _report(console, {"pooled": pooled, "direct": direct})
    proven = (
        pooled.statuses == {200: SIZE}
        and pooled.gathered > POOL_SIZE >= pooled.backends
        and REFUSED in direct.statuses
    )
    return 0 if proven else 1


def _deploy(system: System) -> tuple[str, str]:
    with psycopg.connect(system.direct_url, autocommit=True) as connection:
        connection.execute(SCHEMA.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bridge.toml"
        config.write_text(CONFIG, "utf-8")
        system.say("Deploying GET /orders (cdk deploy)")
        deploy.bootstrap(system)
        outputs = deploy.deploy(system, config=config)
    return str(outputs["FunctionOrders"]), f"{outputs['WebhookUrl']}/orders?limit=1"


def _grow(
    system: System, console: Console, url: str, headers: dict[str, str], waiting: Callable[[], int]
) -> Crowd:
    """Send larger and larger crowds, until the largest is answered or one is refused."""
    # From here on API Gateway knows the token.
    httpx.get(url, headers=headers, timeout=REQUEST_SECONDS, trust_env=False)
    # The last once more: by then all instances have started that it takes.
    for size in (*range(STEP, SIZE + 1, STEP), SIZE):
        if set(warm(url, size=size, headers=headers)) == {200}:
            console.print(f"  {size} instances are up")
        crowd = gather(url, size=size, headers=headers, direct_url=system.admin_url, waiting=waiting)
        console.print(
            f"  {size} at once: answers {crowd.statuses}, {crowd.gathered} under way at the same time, "
            f"connections to Postgres {crowd.backends}"
        )
        if REFUSED in crowd.statuses:
            break
    return crowd


def _under_way(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where application_name like 'orders%' and state <> 'idle'"
    ).fetchone()
    return row[0] if row else 0


def _bypass_the_pooler(system: System, function: str) -> None:
    secrets, functions = (_client(system, service) for service in ("secretsmanager", "lambda"))
    entry = f"external-compute/{deploy.STAGE}/database"
    secrets.put_secret_value(SecretId=entry, SecretString=json.dumps({"database_url": system.direct_url}))
    # A change of its environment makes new instances, which read the entry anew.
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {**variables, "DATABASE": "straight"}}
    )


def _client(system: System, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=system.aws_endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def _report(console: Console, crowds: dict[str, Crowd]) -> None:
    table = Table("", "at once", "under way together", "answers by status", "connections to Postgres")
    for name, crowd in crowds.items():
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(crowd.statuses.items()))
        table.add_row(
            name, str(sum(crowd.statuses.values())), str(crowd.gathered), statuses, str(crowd.backends)
        )
    console.print(table)
    build = Path(__file__).parents[1] / "build"
    build.mkdir(exist_ok=True)
    found = {name: asdict(crowd) for name, crowd in crowds.items()}
    (build / "pooling.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
