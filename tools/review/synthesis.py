"""A tree's templates, by `cdk synth` as someone without an AWS account would run it."""

import os
import subprocess
import tempfile
import tomllib
from pathlib import Path

from stacks.settings.reading import DEFAULT_FILE
from tools.cdk_cli import installed, search_path
from tools.review.assembly import Assembly, read_assembly
from tools.review.errors import ReviewError

_TIMEOUT_SECONDS = 900
_LAST_WORDS = 12
# Credentials, region and account of the shell must not reach the templates, nor a network be asked for them.
_FOREIGN = ("AWS_", "CDK_")
_ALONE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def synthesise(tree: Path, stage: str, *, config: str | None, title: str) -> Assembly:
    """Return what a tree makes of a stage.

    Args:
        tree: with app.py, cdk.json, sql/.
        stage: its name.
        config: another file than bridge.toml, or None.
        title: what the tree is, for errors.

    Raises:
        ReviewError: it can't be synthesised; with the last words of the CDK.
    """
    with tempfile.TemporaryDirectory(prefix="review-assembly-") as output:
        command = [
            installed(),
            "synth",
            "--quiet",
            "--no-notices",
            "--output",
            output,
            "-c",
            f"stage={stage}",
        ]
        command += ["-c", f"config={config}"] if config else []
        try:
            result = subprocess.run(
                command,
                cwd=tree,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ReviewError(f"{title} was not synthesised within {_TIMEOUT_SECONDS} seconds") from None
        if result.returncode:
            said = "\n  ".join(_last_words(result.stderr, tree))
            raise ReviewError(f"{title} can't be synthesised:\n  {said}")
        return read_assembly(Path(output), stage, tree=tree)


def has_stage(tree: Path, stage: str, *, config: str | None) -> bool:
    """Whether a tree declares a stage; true also where the declaration can't be read: synth says why."""
    try:
        declaration = tomllib.loads((tree / (config or DEFAULT_FILE)).read_text("utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    stages = declaration.get("stages")
    return isinstance(stages, dict) and stage in stages


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return own | _ALONE | {"PATH": search_path(os.environ.get("PATH", os.defpath))}


def _last_words(said: str, tree: Path) -> list[str]:
    lines = [line.replace(f"{tree}/", "") for line in said.splitlines() if line.strip()]
    return lines[-_LAST_WORDS:]
