"""The tests of Node.js workers, run by Node.js with real Postgres, PgBouncer, SQS and Secrets Manager."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.directories import RunDirectory
from local.pooler import Pooler
from local.postgres import Server
from local.supabase_api.part import SupabaseApi
from tests.certificates import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "node"
SCHEMA = ROOT / "local" / "demo" / "schema.sql"
# Those that need more than the database have a test of their own below.
SPECIAL = {"pooler", "tls", "storage", "render_receipt"}
NAMES = sorted(path.name.removesuffix(".test.js") for path in FOLDER.glob("*.test.js"))


@pytest.fixture
def node_environment(database: Database, server: Server, function_environment: None) -> dict[str, str]:  # noqa: ARG001
    return {
        **os.environ,
        "DATABASE_URL": database.url,
        "ADMIN_DATABASE_URL": server.admin_url(database.name),
    }


def run(name: str, environment: dict[str, str]) -> None:
    try:
        result = subprocess.run(
            ["node", "--test", "--test-reporter=spec", "--test-timeout=20000", f"tests/node/{name}.test.js"],
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


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SPECIAL])
def should_pass(name: str, node_environment: dict[str, str]) -> None:
    run(name, node_environment)


def should_pass_through_a_pooler(database: Database, node_environment: dict[str, str]) -> None:
    directory = RunDirectory()
    try:
        with Pooler(database.url, run_directory=directory, log=directory.path / "pooler.log") as pooler:
            run("pooler", node_environment | {"POOLED_DATABASE_URL": pooler.url()})
    finally:
        directory.remove()


@pytest.fixture
def storage(server: Server, database: Database) -> Iterator[SupabaseApi]:
    """Supabase Storage on the demo's database, which has the bucket of the receipts."""
    database.execute(SCHEMA.read_bytes())
    directory = RunDirectory()
    url = server.url(database.name, "authenticator")
    try:
        with SupabaseApi(url, run_directory=directory, log=directory.path / "api.log") as api:
            yield api
    finally:
        directory.remove()


@pytest.mark.parametrize("name", ["storage", "render_receipt"])
def should_pass_with_storage(name: str, storage: SupabaseApi, node_environment: dict[str, str]) -> None:
    given = {
        "STORAGE_URL": storage.url,
        "STORAGE_LEGACY_KEY": storage.keys.service_role_key,
        "STORAGE_SECRET_KEY": storage.keys.secret_key,
    }
    run(name, node_environment | given)


@pytest.fixture
def tls_server() -> Iterator[tuple[Server, str]]:
    """A server whose certificate is for localhost, not for 127.0.0.1; and that certificate."""
    with Server(fsync=False) as server, psycopg.connect(server.admin_url(), autocommit=True) as admin:
        [[directory]] = admin.execute("show data_directory")
        certificate = make_certificate(Path(directory))
        admin.execute("alter system set ssl = on")
        admin.execute("select pg_reload_conf()")
        yield server, certificate


def should_pass_with_tls(tls_server: tuple[Server, str], node_environment: dict[str, str]) -> None:
    server, certificate = tls_server
    run("tls", node_environment | {"TLS_DATABASE_URL": server.url(), "TLS_CERTIFICATE": certificate})
