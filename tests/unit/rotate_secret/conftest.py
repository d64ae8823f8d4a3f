"""A stage with everything real: Secrets Manager, Postgres, pg_net's stand-in, and what messages arrive at."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools import Logger

from rotate_secret import handler as rotate_secret
from rotate_secret import upkeep
from tests.unit.rotate_secret.stage import OLD, Stage
from tests.unit.targets import Answer, Target
from tools.local.pg_net import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from tests.databases import Database
    from tests.servers import Server
    from tests.unit.aws import Secret

# Stands for sync_platform: writes down for whom it was called, and fails while a file says so.
PLATFORM = """
import os, pathlib

def handler(event, context):
    folder = pathlib.Path(os.environ["FOLDER"])
    with (folder / "told").open("a") as told:
        told.write(event["target"] + "\\n")
    if (folder / "down").exists():
        raise RuntimeError("Vercel answered 403 for project")
    return {event["target"]: {}}
"""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    # Powertools keeps a logger, and its stream, for each name.
    logger = Logger(service=f"rotate_secret_{uuid4().hex}", level="DEBUG", stream=stream)
    monkeypatch.setattr(rotate_secret, "_logger", logger)
    return stream


@pytest.fixture
def stage(
    database: Database,
    database_secret: Secret,
    log: io.StringIO,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    stage = Stage.create(database)
    for name, value in {
        "WEBHOOK_SIGNING_SECRET_ID": stage.api.id,
        "TARGET_SECRET_IDS": json.dumps({"edge": stage.edge.id}),
        "OVERLAP_HOURS": "24",
        "PLATFORM_TARGETS": "[]",
        "DATABASE_SECRET_ID": database_secret.id,
        "DATABASE_TLS": "disable",
    }.items():
        monkeypatch.setenv(name, value)
    settled: Any = _no_time()
    monkeypatch.setattr(upkeep, "SETTLING", settled)
    forget()
    yield stage
    forget()


def _no_time() -> timedelta:
    return upkeep.SETTLING * 0


def forget() -> None:
    if rotate_secret.vault.cache_info().currsize:
        rotate_secret.vault()._database.close()  # noqa: SLF001 - the function's own is kept for its lifetime
    rotate_secret.settings.cache_clear()
    rotate_secret.vault.cache_clear()


@pytest.fixture
def pg_net(database: Database, server: Server, tmp_path: Path) -> Iterator[StandIn]:
    worker = StandIn(server.admin_url(database.name), tmp_path / "pg_net.log", record=lambda _: None)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def receiver() -> Iterator[Target]:
    receiver = Target()
    receiver.answer = lambda received: Answer(202, body=received.receipt(OLD))
    yield receiver
    receiver.close()


@pytest.fixture
def reached(stage: Stage, receiver: Target, pg_net: StandIn) -> Stage:
    """The stage whose API and target are the receiver."""
    assert pg_net.running()
    address = receiver.url.removesuffix("/{webhook}")
    target = {"name": "edge", "kind": "http", "url": receiver.url, "fast_path": True}
    stage.database.sync_all([], targets=[target])
    stage.database.execute("update bridge.installation set webhook_url = %s", [address])
    return stage


class Platform:
    """The function that the target's platform is told by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def told(self) -> list[str]:
        told = self._folder / "told"
        return told.read_text().split() if told.exists() else []

    def fail(self) -> None:
        (self._folder / "down").touch()

    def recover(self) -> None:
        (self._folder / "down").unlink()


@pytest.fixture
def platform(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:  # noqa: ARG001
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("handler.py", PLATFORM)
    name = f"sync-{uuid4()}"
    boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="handler.handler",
        Role="arn:aws:iam::000000000000:role/sync",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"FOLDER": str(tmp_path)}},
    )
    monkeypatch.setenv("PLATFORM_TARGETS", json.dumps(["edge"]))
    monkeypatch.setenv("SYNC_PLATFORM_FUNCTION", name)
    forget()
    return Platform(tmp_path)
