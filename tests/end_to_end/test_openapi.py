"""The running API does what its OpenAPI document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.deployment import OPENAPI

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment


@pytest.mark.parametrize("role", ["authenticated", "service_role"])
def should_answer_as_its_document_says(deployment: Deployment, user: str, role: str, tmp_path: Path) -> None:
    deployment.order_of(user)
    result = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", OPENAPI),
            *("--url", deployment.outputs["WebhookUrl"], "--max-examples", "10", "--request-timeout", "35"),
            # The same requests each time: a test that fails by chance says nothing about a change.
            *("--seed", "1", "--generation-database", "none", "--exclude-path", "/health"),
            *("-H", f"Authorization: Bearer {deployment.system.token(user, role=role)}"),
            # API Gateway answers a method that no route has with 404; and whether a payment method can be
            # used, which is a 422 otherwise, no schema tells.
            *("--exclude-checks", "unsupported_method,positive_data_acceptance", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
