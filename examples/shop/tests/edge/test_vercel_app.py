"""What all routes of the Vercel functions have in common, and how they are served."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from examples.shop.demo.vercel import Settings, VercelApp
from examples.shop.tests.edge.vercel_shop import FOLDER, Message, Served
from tests.databases import SECRET
from tools.local.directories import RunDirectory
from vercel_app import users
from vercel_app.application import ROUTES
from vercel_app.payments import endpoint
from vercel_app.webhooks import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served({}) as served:
        yield served


def should_tell_that_it_runs_without_any_variable(served: Served) -> None:
    answer = served.client.get("/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "application/json",
        "no-store",
    )
    assert served.client.head("/api/health").content == b""


@pytest.mark.parametrize("path", ["/", "/api", "/api/webhook", "/api/webhook/a/b", "/api/health/", "/docs"])
def should_answer_in_json_that_there_is_nothing(served: Served, path: str) -> None:
    answer = served.client.post(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})


@pytest.mark.parametrize(
    ("path", "allowed"), [("/api/health", {"GET", "HEAD"}), ("/api/process-payment", {"POST"})]
)
def should_say_which_methods_are_allowed(served: Served, path: str, allowed: set[str]) -> None:
    answer = served.client.delete(path)
    assert (answer.status_code, answer.json()) == (405, {"error": "method not allowed"})
    assert {*answer.headers["allow"].split(", ")} == allowed


def should_tell_nobody_what_was_not_expected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret value")

    monkeypatch.setattr("vercel_app.supabase.get", fail)
    with Served({"SUPABASE_URL": "http://127.0.0.1:1", "SUPABASE_ANON_KEY": "key"}) as served:
        answer = served.client.get("/api/users")

    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    [line] = [json.loads(record.getMessage()) for record in caplog.records]
    assert (line["level"], line["path"], line["error"]) == ("error", "/api/users", "RuntimeError")
    assert "users.py" in line["stack"][-2]
    assert "a secret value" not in caplog.text


def should_start_without_what_only_payments_need() -> None:
    """Stripe's SDK and the cryptography of tokens are loaded by the first payment."""
    program = "import sys, main; print({'stripe', 'jwt', 'cryptography'} & sys.modules.keys())"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=FOLDER, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def should_let_vercel_find_the_application_and_nothing_else() -> None:
    """Vercel takes the first of these names that the entrypoint has, be it imported."""
    module = ast.parse((FOLDER / "main.py").read_text())
    names = {name.id for node in ast.walk(module) if isinstance(node, ast.Assign) for name in node.targets
             if isinstance(name, ast.Name)}  # fmt: skip
    names |= {alias.asname or alias.name for node in ast.walk(module)
              if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}  # fmt: skip
    assert names & {"app", "application", "handler"} == {"app"}


def should_answer_before_vercel_ends_the_function() -> None:
    settings = json.loads((FOLDER / "vercel.json").read_text())
    [(entrypoint, function)] = settings["functions"].items()
    assert (FOLDER / entrypoint).is_file()
    assert function["maxDuration"] >= max(endpoint.SECONDS, receiving.SECONDS, users.SECONDS) + 5


def should_be_tested_with_what_vercel_installs() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (FOLDER / "requirements.txt").read_text(), re.MULTILINE))
    assert pinned
    assert pinned == {name: version(name) for name in pinned}


@pytest.fixture
def running() -> Iterator[tuple[VercelApp, Path]]:
    """The functions as a process, and their log."""
    directory = RunDirectory()
    log = directory.path / "vercel.log"
    settings = Settings(
        database_url="postgresql://edge:the-password@127.0.0.1:1/postgres",
        supabase_url="http://127.0.0.1:1",
        supabase_anon_key="the-anon-key",
        webhook_signing_secret=SECRET,
        stripe_secret_key="sk_test_the_key",
    )
    try:
        with VercelApp(settings, run_directory=directory, log=log) as app:
            yield app, log
    finally:
        directory.remove()


def ping(app: VercelApp) -> httpx.Response:
    message = Message([], webhook="bridge.ping", id=str(uuid4()))
    return httpx.post(
        f"{app.url}{message.path}", content=message.body, headers=message.signed(), trust_env=False
    )


def should_run_again_on_the_same_port_and_keep_its_secrets(running: tuple[VercelApp, Path]) -> None:
    app, log_file = running
    url = app.url
    assert ping(app).status_code == 202
    app.stop()
    with pytest.raises(httpx.ConnectError):
        ping(app)

    app.start()
    answer = ping(app)
    processes = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True)
    log = log_file.read_text()

    assert (app.url, answer.status_code) == (url, 202)
    for secret in ("the-password", "the-anon-key", SECRET, "sk_test_the_key"):
        assert secret not in processes.stdout + log
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["message"] for line in lines] == ["webhook answered"] * 2


def should_be_described_by_its_readme() -> None:
    readme = (FOLDER / "README.md").read_text()
    settings = (FOLDER / "vercel_app" / "settings.py").read_text()
    names = {*re.findall(r'(?:_required|_optional|_address)\("([A-Z_]+)"', settings)}
    assert {*re.findall(r"^\| `([A-Z_]+)` \|", readme, re.MULTILINE)} == names
    routes = {f"{method} {route.path}" for route in ROUTES for method in {*(route.methods or ())} - {"HEAD"}}
    assert {*re.findall(r"^\| `([A-Z]+ /api/[^`?]*)", readme, re.MULTILINE)} == routes
    for name in re.findall(r"`(vercel_app/[\w./]+)`", readme):
        assert (FOLDER / name).exists()
