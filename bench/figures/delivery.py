"""The way to the queue: of one event while nothing else happens, of more than pg_net takes, of a backlog."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from standardwebhooks.webhooks import Webhook

from bench.database import INSERT, pgbench
from bench.deployment import Deployment
from bench.figure import Figure
from bench.scale import Scale

REACH_IDLE, AIM_IDLE = 1.3, 1.1
CLIENTS = 4
PATIENCE_SECONDS = 120.0
PENDING = "select count(*) from bridge.message where state = 'pending'"
POST = "select net.http_post(url => %s, body => %s::jsonb, headers => %s::jsonb)"


def measure(deployment: Deployment, scale: Scale) -> Iterator[Figure]:
    """Write, and look into the queue."""
    yield _idle(deployment, scale)
    yield _load(deployment, scale)
    yield _backlog(deployment, scale)


def _idle(deployment: Deployment, scale: Scale) -> Figure:
    url = f"{deployment.outputs['WebhookUrl']}/webhooks/order.created"
    secret = deployment.value("select bridge.signing_secret(null)")
    body: Any = None
    took: dict[str, list[float]] = {"bridge": [], "bare": []}
    for turn in range(scale.idle_rounds + 1):
        for variant, samples in took.items():
            deployment.empty()
            # Between two batches, pg_net rests for a second.
            time.sleep(1.3)
            with psycopg.connect(deployment.system.direct_url, autocommit=True) as connection:
                connection.execute("select bridge.signing_secret(null)")
                if variant == "bridge":
                    connection.execute(INSERT)
                else:
                    connection.execute(POST, [url, body, json.dumps(_signed(body, secret))])
                seconds = _until_received(deployment)
            if variant == "bridge":
                body = deployment.value("select body::text from bridge.message")
            if turn:
                samples.append(seconds * 1000)
    return Figure(
        name="idle",
        title="from the commit of one insert to its event in SQS, beside a bare net.http_post",
        unit="ms",
        ours=took["bridge"],
        theirs=took["bare"],
        reach=REACH_IDLE,
        aim=AIM_IDLE,
    )


def _signed(body: str, secret: str) -> dict[str, str]:
    now, message_id = datetime.now(UTC), "msg_bench"
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }


def _until_received(deployment: Deployment) -> float:
    queues, url = deployment.client("sqs"), deployment.queue
    began = time.perf_counter()
    while not queues.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages"):
        if time.perf_counter() - began > PATIENCE_SECONDS:
            raise RuntimeError("no event came")
        time.sleep(0.002)
    return time.perf_counter() - began


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
            memory.append(_megabytes(function))
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


def _megabytes(function: str) -> float:
    """Return the most memory that an instance of a function has taken."""
    most = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            named = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
            if named not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            for line in (folder / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    most = max(most, int(line.split()[1]) / 1024)
        except OSError:
            continue
    return most
