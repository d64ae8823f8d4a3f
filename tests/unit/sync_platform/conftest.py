"""Both platforms on this machine, and the function that keeps them in step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from bridge import secrets
from sync_platform import attempts
from sync_platform import handler as sync_platform
from tests.unit.sync_platform.deployed import Deployed
from tests.unit.sync_platform.platforms import Platforms
from tools.local.aws import client_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.sync_platform.vercel import VercelProject


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    with Platforms() as platforms:
        yield platforms


@pytest.fixture(scope="session")
def client(aws_endpoint: str) -> Any:
    """One client of Secrets Manager for all tests here: making one takes longer than all else they do."""
    options = client_environment(aws_endpoint)
    return boto3.client(
        "secretsmanager",
        endpoint_url=aws_endpoint,
        region_name=options["AWS_REGION"],
        aws_access_key_id=options["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=options["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def deployed(
    aws: None,  # noqa: ARG001
    client: Any,
    platforms: Platforms,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployed]:
    monkeypatch.setattr(secrets, "client", lambda: client)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"{platforms.url}/client/v4")
    monkeypatch.setenv("VERCEL_BASE_URL", platforms.url)
    # Between attempts; seconds would be spent waiting in many tests.
    monkeypatch.setattr(attempts, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(attempts, "ANSWER_SECONDS", 5.0)
    yield Deployed.create(monkeypatch)
    sync_platform.settings.cache_clear()


@pytest.fixture
def project(platforms: Platforms, deployed: Deployed) -> VercelProject:
    """A project on Vercel that is deployed, with a variable of its own, and a target that names it."""
    project = platforms.vercel.add_project("shop")
    platforms.vercel.add_variable(project, "OTHER", ["production", "preview"])
    platforms.vercel.deploy(project)
    deployed.project()
    return project
