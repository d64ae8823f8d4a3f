"""How long `cdk synth` takes, beside an app with nothing in it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools import cdk_cli
from tools.bench.figure import Figure
from tools.bench.scale import Scale
from tools.local.declaration import SHOP

ROOT = Path(__file__).parents[3]
ALTERNATIVES = Path(__file__).parents[1] / "alternatives"
REACH, AIM = 1.6, 1.3


def measure(scale: Scale) -> Iterator[Figure]:
    """Synthesise both in turn, what is built once being there."""
    with tempfile.TemporaryDirectory() as output:
        synthesise(Path(output))
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


def synthesise(output: Path, *, folder: Path = ROOT, app: str = "app.py") -> None:
    """Run `cdk synth` of an app; the bridge's is that of the shop."""
    command = [cdk_cli.installed(lambda _: None), "synth", "--quiet", "--no-notices", "--ci"]
    command += ["-c", f"config={SHOP / 'bridge.toml'}"]
    subprocess.run(
        [*command, "--app", f'"{sys.executable}" {app}', "--output", str(output)],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _seconds(folder: Path, app: str) -> float:
    with tempfile.TemporaryDirectory() as output:
        began = time.perf_counter()
        synthesise(Path(output), folder=folder, app=app)
        return time.perf_counter() - began
