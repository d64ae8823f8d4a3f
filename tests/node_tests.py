"""Tests in JavaScript, run by Node.js as one test of pytest each file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_node_tests(file: Path, environment: dict[str, str]) -> None:
    """Run a file of tests; fail with what Node.js printed."""
    try:
        result = subprocess.run(
            ["node", "--test", "--test-reporter=spec", "--test-timeout=20000", str(file)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=90,
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"it did not end:\n{(error.output or b'').decode()}", pytrace=False)
    if result.returncode:
        pytest.fail(result.stdout, pytrace=False)
