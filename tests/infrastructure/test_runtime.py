"""What is shipped is enough: nothing of the virtual environment is there in Lambda."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from stacks.constructs.layer_libraries import install_libraries

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "lambda_src"
HANDLERS = ["receive_webhook", "redeliver", "apply_sql", "process_order"]
# What the Lambda runtime brings of its own, with boto3.
RUNTIME = ["botocore", "dateutil", "jmespath", "six", "urllib3"]


def should_import_every_function_with_the_layer_alone(tmp_path: Path) -> None:
    for name in RUNTIME:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (tmp_path / source.name).symlink_to(source)
    libraries = install_libraries(
        SOURCES / "layer" / "requirements.txt", for_this_machine=True, cache=ROOT / "build" / "layer"
    )
    path = [libraries, SOURCES / "layer", SOURCES, SOURCES / "workers", tmp_path]

    # -S: without site-packages.
    result = subprocess.run(
        [sys.executable, "-S", "-c", "; ".join(f"import {name}.handler" for name in HANDLERS)],
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
