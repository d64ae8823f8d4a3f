"""The worker that renders receipts, tested in JavaScript on a real database and Storage."""

from __future__ import annotations

from pathlib import Path

from tests.node_tests import run_node_tests


def should_pass(storage_environment: dict[str, str]) -> None:
    run_node_tests(Path(__file__).with_name("render_receipt.test.js"), storage_environment)
