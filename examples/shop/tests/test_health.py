"""Health says whether database and REST API answer, and nothing that helps an attacker."""

from __future__ import annotations

import json
import platform
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from bridge import api
from bridge import aws as aws_clients
from bridge.version import VERSION
from health import checks
from health.handler import app
from health.handler import database as connection
from tests.unit.aws import Secret
from tests.unit.gateway import Gateway, Reply
from tests.unit.requests import Answer, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_SECONDS = checks.TIMEOUT_SECONDS


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def supabase(aws: None, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Secret:  # noqa: ARG001
    secret = Secret.create_unique({"url": gateway.url, "anon_key": "sb_publishable_a"})
    monkeypatch.setenv("SUPABASE_SECRET_ID", secret.id)
    return secret


@pytest.fixture
def handler(
    supabase: Secret,  # noqa: ARG001
    database_secret: Secret,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[api.Handler]:
    monkeypatch.setenv("DATABASE_SECRET_ID", database_secret.id)
    monkeypatch.setenv("DATABASE_TLS", "disable")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"health_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    # A machine with much to do is slow, and nothing is away.
    monkeypatch.setattr(checks, "TIMEOUT_SECONDS", 8)
    aws_clients.client("secretsmanager")
    yield api.handler(app)
    connection.close()


def ask(handler: api.Handler) -> Answer:
    return send(handler, request("GET", "/health"))


def states(answer: Answer) -> tuple[Any, ...]:
    return (
        answer.status,
        answer.body["status"],
        answer.body["database"]["status"],
        answer.body["rest"]["status"],
    )


def should_be_well_when_both_answer(handler: api.Handler) -> None:
    answer = ask(handler)

    assert states(answer) == (200, "ok", "ok", "ok")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body["version"] == {"app": VERSION, "python": platform.python_version()}
    assert answer.body["database"]["latency_ms"] >= 0


def should_be_well_when_the_rest_api_knows_no_such_table(handler: api.Handler, gateway: Gateway) -> None:
    gateway.will(Reply(404, {"code": "PGRST205", "message": "no such table"}))

    assert states(ask(handler)) == (200, "ok", "ok", "ok")


def should_say_that_the_database_is_away(
    handler: api.Handler, database_secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})
    answer = ask(handler)

    assert states(answer) == (503, "unavailable", "unavailable", "ok")
    assert "127.0.0.1" not in answer.text
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (line["part"], line["error"]) == ("database", "DatabaseUnavailableError")


@pytest.mark.parametrize(
    "reply", [Reply(401, b"Unauthorized"), Reply(503), Reply(502, b"<html>"), Reply(hang_up=True)]
)
def should_say_that_the_rest_api_is_away(handler: api.Handler, gateway: Gateway, reply: Reply) -> None:
    gateway.will(*[reply] * 3)

    assert states(ask(handler)) == (503, "unavailable", "ok", "unavailable")


def should_say_that_both_are_away(handler: api.Handler, database_secret: Secret, supabase: Secret) -> None:
    database_secret.put({"database_url": ""})
    supabase.put({"url": "", "anon_key": ""})

    assert states(ask(handler)) == (503, "unavailable", "unavailable", "unavailable")


def should_not_wait_long_for_one_that_hangs(
    handler: api.Handler, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(handler)
    monkeypatch.setattr(checks, "TIMEOUT_SECONDS", TIMEOUT_SECONDS)
    gateway.will(Reply(delay=10))
    began = time.monotonic()

    assert states(ask(handler)) == (503, "unavailable", "ok", "unavailable")
    assert time.monotonic() - began < 8
