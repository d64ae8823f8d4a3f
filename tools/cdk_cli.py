"""The pinned CDK CLI and its Node.js, whether or not the virtual environment is activated."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.errors import DeployError

ROOT = Path(__file__).parents[1]
CDK = ROOT / "node_modules" / ".bin" / "cdk"


def from_root(file: Path) -> Path:
    """Path of a file from the project's root, wherever a command is called; absolute outside of it."""
    place = Path(os.path.abspath(file))  # noqa: PTH100 - a link stays what it is
    return place.relative_to(ROOT) if place.is_relative_to(ROOT) else place


def search_path(inherited: str = os.defpath) -> str:
    """Return a PATH: this interpreter's Node.js and npm first, then the CDK CLI, then what is inherited."""
    return os.pathsep.join([str(Path(sys.executable).parent), str(CDK.parent), inherited])


def installed(say: Callable[[str], object] | None = None) -> str:
    """Return the CLI's program, installed by `npm ci` if it is missing.

    Args:
        say: told when it must be installed.

    Raises:
        DeployError: npm failed; the message holds its output.
    """
    if not CDK.exists():
        if say is not None:
            say("Installing the CDK CLI into node_modules (npm ci)")
        environment = {**os.environ, "PATH": search_path(os.environ.get("PATH", os.defpath))}
        answer = subprocess.run(
            ["npm", "ci"],  # noqa: S607 - the one of the PATH below
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise DeployError(f"npm ci failed:\n{answer.stdout}")
    return str(CDK)
