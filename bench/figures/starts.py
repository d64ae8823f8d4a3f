"""What a cold start costs: each function's import and initialisation, and the layer's size."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.figure import Figure
from bench.scale import Scale

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "lambda_src"
BOTO3 = Path(__file__).parents[1] / "alternatives" / "boto3_client.py"
REACH, AIM = 1.2, 0.6
MAX_RECEIVER_MS = 200
# Where nothing answers: what starts must not wait for anybody.
ENVIRONMENT = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
}


def measure(scale: Scale) -> Iterator[Figure]:
    """Start Python with each function's module, as Lambda does, and once with nothing."""
    runs = range(max(scale.rounds, 1))
    python = [_milliseconds("pass") for _ in runs]
    boto3 = [_milliseconds(BOTO3.read_text("utf-8")) for _ in runs]
    for module, folder in modules().items():
        started = [_milliseconds(f"import {module}", folder) for _ in runs]
        if module == "receive_webhook.handler":
            yield Figure(
                name="start_receiver",
                title="the receiver's import and init, beside boto3 and its SQS client",
                unit="ms",
                ours=started,
                theirs=boto3,
                base=python,
                reach=REACH,
                aim=AIM,
            )
        yield Figure(
            name=f"start_{module.partition('.')[0]}_alone",
            title=f"import and init of {module.partition('.')[0]}",
            unit="ms",
            ours=started,
            base=python,
            reach=MAX_RECEIVER_MS if module == "receive_webhook.handler" else None,
        )


def modules() -> Mapping[str, Path]:
    """Return each function's module, with the folder that it is imported from."""
    own = {f"{path.parent.name}.handler": SOURCES for path in sorted(SOURCES.glob("*/handler.py"))}
    for kind in ("functions", "workers"):
        folders = sorted((SOURCES / kind).glob("*/handler.py"))
        own |= {f"{path.parent.name}.handler": SOURCES / kind for path in folders}
    return own


def _milliseconds(code: str, folder: Path | None = None) -> float:
    path = [str(SOURCES / "layer"), *([str(folder)] if folder else [])]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path)}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=SOURCES)
    return (time.perf_counter() - began) * 1000
