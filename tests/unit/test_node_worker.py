"""The tests of Node.js workers, run by Node.js with real Postgres, PgBouncer, SQS and Secrets Manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.certificates import make_certificate
from tests.node_tests import run_node_tests
from tools.local.directories import RunDirectory
from tools.local.pooler import Pooler
from tools.local.postgres import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "node"
# Those that need more than the database have a test of their own below.
SPECIAL = {"pooler", "tls", "storage"}
NAMES = sorted(path.name.removesuffix(".test.js") for path in FOLDER.glob("*.test.js"))


def run(name: str, environment: dict[str, str]) -> None:
    run_node_tests(FOLDER / f"{name}.test.js", environment)


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


def should_pass_with_storage(storage_environment: dict[str, str]) -> None:
    run("storage", storage_environment)


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
