"""How long `cdk synth` takes, beside an app with nothing in it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure
from bench.scale import Scale
from local import cdk_cli

ROOT = Path(__file__).parents[2]
ALTERNATIVES = Path(__file__).parents[1] / "alternatives"
REACH, AIM = 1.6, 1.3


def measure(scale: Scale) -> Iterator[Figure]:
    """Synthesise both in turn, what is built once being there."""
    _seconds(ROOT, "app.py")
    pairs = [(_seconds(ROOT, "app.py"), _seconds(ALTERNATIVES, "empty_app.py")) for _ in range(scale.rounds)]
    yield Figure(
        name="synthesis",
        title="cdk synth, beside synth of an empty app",
        unit="s",
        ours=[ours for ours, _ in pairs],
        theirs=[theirs for _, theirs in pairs],
        reach=REACH,
        aim=AIM,
    )


def _seconds(folder: Path, file: str) -> float:
    cdk = cdk_cli.installed(lambda _: None)
    with tempfile.TemporaryDirectory() as output:
        app = f'"{sys.executable}" {file}'
        began = time.perf_counter()
        subprocess.run(
            [cdk, "synth", "--quiet", "--no-notices", "--app", app, "--output", output],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - began
