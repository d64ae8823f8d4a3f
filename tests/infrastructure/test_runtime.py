"""What is shipped is enough: nothing of the virtual environment is there in Lambda."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.code.libraries import install_libraries
from tools.local.declaration import SHOP

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "lambda_src"
# What the Lambda runtime brings of its own, with boto3.
RUNTIME = ["botocore", "dateutil", "jmespath", "six", "urllib3"]
FOLDERS = sorted(
    handler.parent
    for folder in (SOURCES, SHOP / "functions", SHOP / "workers")
    for handler in folder.glob("*/handler.py")
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda has before anything is deployed."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def should_import_a_function_with_what_is_deployed_alone(folder: Path, runtime: Path) -> None:
    layer = SOURCES / "layer"
    libraries = [installed(layer / "requirements.txt")]
    if (folder / "requirements.txt").exists():
        libraries.append(installed(folder / "requirements.txt", present=layer / "requirements.txt"))
    path = [folder.parent, *libraries, layer, runtime]

    # -S: without site-packages.
    result = subprocess.run(
        [sys.executable, "-S", "-c", f"import {folder.name}.handler"],
        env={
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "AWS_DEFAULT_REGION": "eu-central-1",
            "POWERTOOLS_SERVICE_NAME": "test",
            "POWERTOOLS_METRICS_NAMESPACE": "test",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def installed(lock: Path, present: Path | None = None) -> Path:
    cache = ROOT / "build" / "libraries"
    return install_libraries(lock, for_this_machine=True, cache=cache, present=present)
