"""Real services for unit tests: Postgres with everything installed, SQS and Secrets Manager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest

from bridge import aws as aws_clients
from bridge import secrets
from local.aws import Aws, client_environment
from local.directories import RunDirectory
from tests.unit.aws import Queue, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    directory = RunDirectory()
    with Aws(run_directory=directory, log=directory.path / "aws.log") as aws:
        yield aws.endpoint
    directory.remove()


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point the functions' clients at the emulator."""
    for name, value in client_environment(aws_endpoint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    forget()
    yield
    forget()


def forget() -> None:
    aws_clients.forget()
    secrets.forget()


@pytest.fixture
def queue(aws: None) -> Queue:  # noqa: ARG001
    return Queue.create()


@pytest.fixture
def signing_secret(aws: None) -> Secret:  # noqa: ARG001
    return Secret.create_unique({"current": "A" * 64, "previous": ""}, "webhook-signing")


@pytest.fixture
def database_secret(aws: None, database: Database) -> Secret:  # noqa: ARG001
    return Secret.create_unique({"database_url": database.url})


@pytest.fixture
def function_environment(
    monkeypatch: pytest.MonkeyPatch,
    database_secret: Secret,
    queue: Queue,
) -> None:
    """The environment that the deployment gives to functions which use the database."""
    for name, value in {
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "ExternalCompute/test",
        "DATABASE_SECRET_ID": database_secret.id,
        "DATABASE_DIRECT_SECRET_ID": database_secret.id,
        "DATABASE_TLS": "disable",
        # Powertools keeps a logger, and the standard output of its time, for each name.
        "WORKER": f"worker_{uuid4().hex}",
        "QUEUE_URL": queue.url,
        "QUEUES": json.dumps({"process_order": queue.url}),
        "TARGETS": "{}",
        "ALLOWED_TARGET_RANGES": "[]",
    }.items():
        monkeypatch.setenv(name, value)
