"""The way to the queue: of more than pg_net takes, and of a backlog."""

import contextlib
import json
import time
from collections.abc import Iterator

import psycopg

from tools.bench.database import INSERT, pgbench
from tools.bench.deployment import Deployment
from tools.bench.figure import Figure
from tools.bench.scale import Scale

CLIENTS = 4
PATIENCE_SECONDS = 120.0
PENDING = "select count(*) from bridge.message where state = 'pending'"


def measure(deployment: Deployment, scale: Scale) -> Iterator[Figure]:
    """Write, and look into the queue."""
    yield _load(deployment, scale)
    yield _backlog(deployment, scale)


def _load(deployment: Deployment, scale: Scale) -> Figure:
    deployment.empty()
    latency = pgbench(
        deployment.system.direct_url,
        INSERT,
        *("--client", str(CLIENTS), "--rate", str(scale.rate), "--time", str(scale.load_seconds)),
    )
    rows = deployment.value("select count(*) from public.orders")
    time.sleep(scale.drain_seconds)
    left = deployment.value(PENDING)
    note = f"{rows / scale.load_seconds:,.0f} transactions a second, {latency:.2f} ms each"
    if not left:
        note += f"; the last was delivered after {_last_delivered(deployment):.1f} s"
    return Figure(
        name="load",
        title=f"undelivered {scale.drain_seconds} s after {scale.rate:,} transactions a second for "
        f"{scale.load_seconds} s",
        unit="events",
        ours=[left],
        reach=0,
        note=note,
    )


def _last_delivered(deployment: Deployment) -> float:
    query = (
        "select extract(epoch from max(delivered_at) - (select max(created_at) from public.orders))::float"
        " from bridge.message"
    )
    return max(float(deployment.value(query)), 0.0)


def _backlog(deployment: Deployment, scale: Scale) -> Figure:
    deployment.empty()
    # What pg_net would take is left to redelivery as well.
    deployment.system.pg_net.stop()
    try:
        with psycopg.connect(deployment.system.admin_url, autocommit=True) as connection:
            connection.execute(f"{INSERT} from generate_series(1, {scale.backlog})")
            connection.execute("truncate net.http_request_queue, bridge.posted")
            connection.execute("update bridge.message set due_at = clock_timestamp()")
        function = str(deployment.outputs["RedeliverFunction"])
        functions = deployment.client("lambda")
        memory: list[float] = []
        began = time.monotonic()
        while deployment.value(PENDING):
            answer = json.load(functions.invoke(FunctionName=function, Payload=b"{}")["Payload"])
            memory.append(_megabytes(deployment))
            if "errorMessage" in answer or time.monotonic() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"redelivery failed: {answer}")
        seconds = time.monotonic() - began
    finally:
        deployment.system.pg_net.start()
    return Figure(
        name="backlog",
        title=f"events a second that redelivery brings to SQS from a backlog of {scale.backlog:,}",
        unit="events/s",
        ours=[scale.backlog / seconds],
        note=f"at most {max(memory):.0f} MB of memory",
        details={"most_megabytes": round(max(memory), 1)},
    )


def _megabytes(deployment: Deployment) -> float:
    """Return the most memory that an instance of redelivery has taken."""
    most = 0.0
    for folder in deployment.instances("RedeliverFunction"):
        with contextlib.suppress(OSError):
            for line in (folder / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    most = max(most, int(line.split()[1]) / 1024)
    return most
