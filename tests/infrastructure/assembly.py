"""What `cdk synth` writes, run as the command."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tools.cdk_cli import installed, search_path
from tools.local.declaration import SHOP

ROOT = Path(__file__).parents[2]
# The assertions run in this process's own Node.js, so the change is to this process.
os.environ["PATH"] = search_path(os.environ.get("PATH", os.defpath))


@dataclass(frozen=True)
class Assembly:
    """What one synthesis wrote.

    Attributes:
        directory: with templates and assets.
        said: what it told the user.
    """

    directory: Path
    said: str

    def template(self, stack: str) -> dict[str, Any]:
        text = (self.directory / f"external-compute-{stack}.template.json").read_text("utf-8")
        template: dict[str, Any] = json.loads(text)
        return template

    def shipped(self, source: dict[str, Any]) -> set[str]:
        """What is at the top of a function's or a layer's code."""
        return shipped(self.directory, source)


def shipped(directory: Path, source: dict[str, Any]) -> set[str]:
    """What is at the top of a function's code, which is an archive or a folder of an assembly."""
    archive = directory / f"asset.{source['S3Key']}"
    if archive.is_file():
        return {name.partition("/")[0] for name in ZipFile(archive).namelist()}
    return {path.name for path in archive.with_suffix("").iterdir()}


def synthesize(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `cdk synth` as someone without an AWS account would; of the shop, unless a config is named."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    if not any(option.startswith("config=") for option in options):
        options = (*options, "-c", f"config={SHOP / 'bridge.toml'}")
    command = [installed(), "synth", "--quiet", "--output", str(output), *options]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
