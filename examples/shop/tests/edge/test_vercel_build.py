"""What Vercel's own CLI builds of vercel/, served by Vercel's own runtime; nothing leaves this machine.

The CLI is large and no other test needs it, so that it is used where it is named. It needs the Python that
examples/shop/vercel/.python-version names:

    npm install --prefix ~/vercel-cli vercel@60.1.3
    VERCEL_CLI=~/vercel-cli/node_modules/.bin/vercel pytest examples/shop/tests/edge/test_vercel_build.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.shop.tests.edge.vercel_shop import FOLDER
from tools.cdk_cli import search_path

if TYPE_CHECKING:
    from collections.abc import Mapping

CLI = os.environ.get("VERCEL_CLI", "")
VERSION = (FOLDER / ".python-version").read_text().strip()
MAX_MEGABYTES = 60
pytestmark = [
    pytest.mark.xdist_group("vercel_build"),
    pytest.mark.skipif(not CLI, reason="set VERCEL_CLI to Vercel's CLI: npm install vercel@60.1.3"),
]
# The project that `vercel link` would write down.
PROJECT = {"projectId": "prj_none", "orgId": "team_none", "settings": {}}
# Calls the function as AWS Lambda calls it.
CALL = """
import json, sys
from vc__handler__python import vc_handler
for method, path in json.loads(sys.argv[1]):
    request = {"method": method, "path": path, "headers": {}, "body": ""}
    answer = vc_handler({"body": json.dumps(request)}, None)
    print(json.dumps([answer["statusCode"], json.loads(answer["body"])]))
"""


@dataclass(frozen=True)
class Built:
    """The function as it would be uploaded, `files` by their names in it, and the Python that it is for."""

    configuration: Mapping[str, Any]
    files: Mapping[str, Path]
    python: Path

    @property
    def megabytes(self) -> float:
        return sum(path.stat().st_size for path in self.files.values()) / 1_000_000

    def call(self, directory: Path, *requests: tuple[str, str]) -> list[list[Any]]:
        """Lay the function out as on Vercel and call it, with the runtime that was built into it."""
        for name, path in self.files.items():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        result = subprocess.run(
            [self.python, "-c", CALL, json.dumps(requests)],
            cwd=directory,
            env=dict(self.configuration["environment"]),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]


def copied(folder: Path) -> Path:
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__", ".vercel"))
    (folder / ".vercel").mkdir()
    (folder / ".vercel" / "project.json").write_text(json.dumps(PROJECT))
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(CLI).expanduser(), "build", "--yes", "--token", "none"],
        cwd=folder,
        env={**os.environ, "PATH": search_path(os.environ["PATH"]), "VERCEL_TELEMETRY_DISABLED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def built(folder: Path) -> Built:
    result = build(copied(folder))
    assert result.returncode == 0, result.stdout
    [function] = (folder / ".vercel" / "output" / "functions").glob("*.func")
    configuration = json.loads((function / ".vc-config.json").read_text())
    files = {name: folder / path for name, path in configuration["filePathMap"].items()}
    files |= {path.name: path for path in function.glob("*.py")}
    environment = (folder / ".vercel" / "python" / ".venv" / "pyvenv.cfg").read_text()
    [home] = re.findall("^home = (.*)$", environment, re.MULTILINE)
    return Built(configuration, files, Path(home) / f"python{VERSION}")


def should_build_one_small_function_that_vercels_runtime_serves(tmp_path: Path) -> None:
    function = built(tmp_path / "project")

    assert function.configuration["runtime"] == f"python{VERSION}"
    assert function.configuration["maxDuration"] == 30
    assert function.megabytes < MAX_MEGABYTES
    own = {name for name in function.files if not name.startswith(("_vendor/", "vercel_app/"))}
    assert own == {"main.py", "vc__handler__python.py", "pyproject.toml", "uv.lock"}
    assert function.call(
        tmp_path / "task", ("GET", "/api/health"), ("GET", "/api/users?limit=0"), ("PUT", "/api/health")
    ) == [
        [200, {"status": "ok"}],
        [400, {"error": 'there is one parameter: "limit", a number from 1 to 100'}],
        [405, {"error": "method not allowed"}],
    ]


def should_build_nothing_of_packages_that_are_not_those_of_the_lock(tmp_path: Path) -> None:
    folder = copied(tmp_path / "project")
    lock = folder / "requirements.txt"
    lock.write_text(re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", lock.read_text()))

    result = build(folder)

    assert result.returncode != 0
    assert "Hash mismatch" in result.stdout
