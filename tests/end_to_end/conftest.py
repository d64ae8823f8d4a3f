"""One deployment for all tests: the local system, the real templates, the CDK CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from rich.console import Console

from tests.end_to_end.deployment import Deployment
from tools.local import deploy
from tools.local.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator


# A crowd that exceeds Supabase's 20 takes this machine a minute to start; tools/bench/pooling.py gathers one.
POOL_SIZE = 8


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    console = Console(stderr=True)
    logs = tmp_path_factory.mktemp("logs")
    with System(fsync=False, pool_size=POOL_SIZE, log_directory=logs, say=console.print) as system:
        deploy.bootstrap(system)
        yield system


@pytest.fixture(scope="session")
def shared_deployment(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(system, config=tmp_path_factory.mktemp("config") / "bridge.toml")
    yield deployment
    deployment.close()


@pytest.fixture
def deployment(shared_deployment: Deployment) -> Deployment:
    """The webhooks that tests start from, whatever a test before deployed."""
    shared_deployment.restore()
    return shared_deployment


@pytest.fixture
def user(deployment: Deployment) -> str:
    """A user with a row in public.users."""
    [user] = deployment.column(
        "insert into public.users (email, name) values (%s, 'Ada') returning id::text",
        [f"{uuid4()}@example.com"],
    )
    return str(user)
