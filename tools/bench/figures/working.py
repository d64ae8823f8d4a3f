"""What one instance of a worker handles, beside the same effect in plain psycopg."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg

from tools.bench.database import INSERT
from tools.bench.deployment import Deployment
from tools.bench.figure import Figure
from tools.bench.scale import Scale
from tools.local.declaration import SHOP

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "lambda_src"
REACH, AIM = 0.7, 0.9
BATCH = 10
QUEUE_MESSAGES = """
select (body - 'data' || event)::text
from bridge.message, jsonb_array_elements(body -> 'data') as event order by id
"""


def measure(deployment: Deployment, scale: Scale) -> Iterator[Figure]:
    """Hand the same batches to both, in turn."""
    rates: dict[str, list[float]] = {"worker": [], "plain": []}
    for _ in range(scale.rounds):
        batches = _batches(deployment, scale.worker_events // scale.rounds)
        for variant, rate in _rates(deployment, batches).items():
            rates[variant].append(rate)
    yield Figure(
        name="worker",
        title="events a second that one instance of a worker handles, beside plain psycopg",
        unit="events/s",
        ours=rates["worker"],
        theirs=rates["plain"],
        reach=REACH,
        aim=AIM,
        at_least=True,
    )


def _batches(deployment: Deployment, events: int) -> list[list[dict[str, object]]]:
    deployment.empty()
    with psycopg.connect(deployment.system.direct_url, autocommit=True) as connection:
        connection.execute(f"{INSERT} from generate_series(1, {max(events, 2 * BATCH)})")
        bodies = [row[0] for row in connection.execute(QUEUE_MESSAGES)]
    records: list[dict[str, object]] = [
        {
            "messageId": str(uuid4()),
            "receiptHandle": "none",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }
        for body in bodies
    ]
    return [records[start : start + BATCH] for start in range(0, len(records), BATCH)]


def _rates(deployment: Deployment, batches: list[list[dict[str, object]]]) -> dict[str, float]:
    path = ":".join([str(ROOT), str(SOURCES / "layer"), str(SHOP / "workers")])
    # Not a pipe: whoever reads the log beside it, in Lambda, takes nothing of its core.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tools.bench.instance", deployment.system.pooled_url],
            input=json.dumps(batches),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**deployment.environment(deployment.worker), "PYTHONPATH": path},
            cwd=ROOT,
        )
        if done.returncode:
            raise RuntimeError(f"an instance failed:\n{done.stderr}")
        output.seek(0)
        found: dict[str, float] = json.loads(output.read().splitlines()[-1])
    return found
