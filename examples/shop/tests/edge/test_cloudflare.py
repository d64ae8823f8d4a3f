"""The Cloudflare Worker in workerd, its own runtime, on a real database and Supabase's API.

What it does is tested from inside, by cloudflare/test; here is what starts these tests, and the Worker
as `make demo` runs it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from bridge import signing
from examples.shop.demo import cloudflare
from examples.shop.demo.cloudflare import Settings, Worker
from tests.databases import SECRET
from tools.cdk_cli import search_path
from tools.errors import MissingProgramError
from tools.local.directories import RunDirectory
from tools.local.supabase_api.part import SupabaseApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database
    from tests.servers import Server

ROOT = Path(__file__).parents[4]
PASSWORD = "edge"
ORDER = 4_711


@dataclass
class Shop:
    """The demo's database as the Worker finds it, and Supabase's API before it."""

    database: Database
    api: SupabaseApi
    directory: RunDirectory

    @property
    def edge_url(self) -> str:
        """The database's direct address as the role `edge`."""
        parts = urlsplit(self.database.url)
        return urlunsplit(parts._replace(netloc=f"edge:{PASSWORD}@{parts.hostname}:{parts.port}"))

    def notices(self) -> int:
        count: int = self.database.scalar(
            "select count(*) from public.order_notices where order_id = %s and channel = 'cloudflare'",
            [ORDER],
        )
        return count


def require(program: Path) -> None:
    if not program.is_file():
        pytest.fail(
            "The packages of examples/shop/cloudflare are not installed. Run: make setup", pytrace=False
        )


@pytest.fixture
def shop(server: Server, database: Database) -> Iterator[Shop]:
    database.execute((ROOT / "examples" / "shop" / "schema.sql").read_bytes())
    database.execute((ROOT / "examples" / "shop" / "role.sql").read_bytes())
    database.execute(f"alter role edge password '{PASSWORD}'")
    directory = RunDirectory()
    url = server.url(database.name, "authenticator")
    try:
        with SupabaseApi(url, run_directory=directory, log=directory.path / "api.log") as api:
            yield Shop(database, api, directory)
    finally:
        directory.remove()


@pytest.fixture
def worker(shop: Shop) -> Iterator[Worker]:
    keys = shop.api.keys
    settings = Settings(
        database_url=shop.edge_url,
        supabase_url=shop.api.url,
        supabase_anon_key=keys.anon_key,
        supabase_jwt_secret=keys.jwt_secret,
        webhook_signing_secret=SECRET,
    )
    require(cloudflare.WRANGLER)
    with Worker(settings, run_directory=shop.directory, log=shop.directory.path / "worker.log") as worker:
        yield worker


def should_pass_its_own_tests(shop: Shop) -> None:
    vitest = cloudflare.FOLDER / "node_modules" / "vitest" / "vitest.mjs"
    require(vitest)
    keys = shop.api.keys
    given = {
        "PATH": search_path(os.environ["PATH"]),
        "NO_COLOR": "1",
        "WRANGLER_SEND_METRICS": "false",
        "WRANGLER_SEND_ERROR_REPORTS": "false",
        "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": shop.edge_url,
        "OWNER_DATABASE_URL": shop.database.url,
        "SUPABASE_URL": shop.api.url,
        "SUPABASE_ANON_KEY": keys.anon_key,
        "SUPABASE_JWT_SECRET": keys.jwt_secret,
        "SUPABASE_SIGNING_KEY": keys.signing_key,
        "SUPABASE_KEY_ID": keys.key_id,
    }

    tests = subprocess.run(
        [cloudflare.NODE, vitest, "run"],
        cwd=cloudflare.FOLDER,
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )

    if tests.returncode:
        pytest.fail(tests.stdout, pytrace=False)


def deliver(worker: Worker, message_id: str, webhook: str, data: list[dict[str, Any]]) -> httpx.Response:
    message = {
        "type": webhook,
        "timestamp": "2026-11-23T15:00:00.123456Z",
        "transaction": {"id": "7341", "actor": None, "role": "authenticated"},
        "data": data,
    }
    body = json.dumps(message)
    headers = signing.sign(body, message_id, [SECRET])
    return httpx.post(f"{worker.url}/webhook/{webhook}", content=body, headers=headers, trust_env=False)


def accepted(answer: httpx.Response, *, events: int) -> dict[str, Any]:
    """What the request is answered with, with a receipt as any Standard Webhooks library makes it."""
    headers = answer.request.headers
    message_id, at = headers["webhook-id"], datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    receipt = Webhook(SECRET).sign(message_id, at, "accepted")
    return {"accepted": events, "webhook_id": message_id, "receipt": receipt}


def order_created(message_id: str) -> list[dict[str, Any]]:
    event = {"operation": "INSERT", "schema": "public", "table": "orders", "old_record": None}
    return [{**event, "id": f"{message_id}:0", "record": {"id": ORDER}}]


def cache_state(worker: Worker) -> str:
    return httpx.get(f"{worker.url}/api/users", trust_env=False).headers["x-cache"]


def fill_cache(worker: Worker) -> None:
    deadline = time.monotonic() + 5
    # KV is written when the answer has been given.
    while cache_state(worker) != "hit":
        assert time.monotonic() < deadline


def should_run_again_on_the_same_port_with_what_is_in_kv(worker: Worker, shop: Shop) -> None:
    url, message_id = worker.url, str(uuid4())
    pinged = deliver(worker, "ping", "bridge.ping", [])
    fill_cache(worker)

    worker.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    worker.start()
    noticed = deliver(worker, message_id, "order.created", order_created(message_id))

    assert worker.url == url
    assert (pinged.status_code, pinged.json()) == (202, accepted(pinged, events=0))
    assert (noticed.status_code, noticed.json()) == (202, accepted(noticed, events=1))
    assert shop.notices() == 1
    assert cache_state(worker) == "hit"


def command_lines() -> str:
    """What anyone on this machine sees of its processes."""
    if Path("/proc/self/cmdline").exists():
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                found.append(path.read_text(errors="replace"))
        return "\n".join(found)
    return subprocess.run(["/bin/ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout


def should_keep_its_secrets_and_files_to_itself(worker: Worker, shop: Shop) -> None:
    deliver(worker, "ping", "bridge.ping", [])

    seen = command_lines()
    log = (shop.directory.path / "worker.log").read_text()

    assert str(cloudflare.WRANGLER) in seen
    for secret in (*worker.settings.secrets().values(), shop.edge_url):
        assert secret not in seen + log
    assert not (cloudflare.FOLDER / ".wrangler").exists()


def should_say_what_to_run_when_its_packages_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cloudflare, "WRANGLER", tmp_path / "cli.js")
    settings = Settings(database_url="", supabase_url="", supabase_anon_key="")
    directory = RunDirectory()

    try:
        with pytest.raises(MissingProgramError, match="Run: make setup"):
            Worker(settings, run_directory=directory, log=tmp_path / "log").start()
    finally:
        directory.remove()
