"""Order of the whole suite, and the services that several folders use: Postgres, SQS and Secrets Manager.

One server for all tests of a process, one template with everything installed, one clone of it for each test.
Those of `database` run on each supported version; with DATABASE_URL, on the server that it names.
"""

from __future__ import annotations

import functools
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import botocore.session
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from bridge import aws as aws_clients
from bridge import secrets
from tests.databases import Database
from tests.servers import GivenServer, is_given, supported_majors
from tests.unit.aws import Queue, Secret
from tools.local import postgres, supabase
from tools.local.aws import Aws, client_environment
from tools.local.declaration import SHOP
from tools.local.directories import RunDirectory
from tools.local.supabase_api.part import SupabaseApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server

FOLDERS = ["end_to_end", "unit", "infrastructure", "database", "shop"]
# Of the end-to-end tests, those that deploy something else: the next one would have to restore it.
CHANGING = ["test_targets.py", "test_lifecycle.py"]
SHARING = {"end_to_end": "deployment", "infrastructure": "synthesis"}
# Its tests run on every version of tests.servers, the others on that of the local system.
ON_EVERY_VERSION = "database"
# What tests the stand-in for Supabase's API and its client rather than sql/.
ON_THE_NEWEST = {"rest", "test_storage_api.py", "test_supabase_api.py", "test_supabase_tokens.py"}

# A test that wants clients of its own makes a session; what that reads about AWS is the same each time, and
# takes longer than the test.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

# How long an example takes says something about the machine, not about the code.
settings.register_profile("bridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bridge")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: runs after all others, because it destroys what they share")


def _place(path: Path, config: pytest.Config) -> tuple[str, ...]:
    """Where a file of tests is, from the folder of `FOLDERS` on."""
    parts = path.relative_to(config.rootpath).parts
    return parts[1:] if parts[0] == "tests" else ("shop", *parts[3:])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder, *rest = _place(metafunc.definition.path, metafunc.config)
    if folder == ON_EVERY_VERSION and "server" in metafunc.fixturenames and not is_given():
        majors = supported_majors()
        metafunc.parametrize(
            "server", majors[-1:] if ON_THE_NEWEST.intersection(rest) else majors, indirect=True
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests in one process that share what takes long to make, before pytest-xdist asks for groups."""
    for item in items:
        folder, *_ = _place(item.path, item.config)
        if folder in SHARING:
            item.add_marker(pytest.mark.xdist_group(SHARING[folder]))


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_collection_modifyitems_in_order(items: list[pytest.Item]) -> None:
    """The deployment, which takes longest, for one process; the other begins with the fast folders."""

    def rank(item: pytest.Item) -> tuple[int, int, bool]:
        folder, *_, file = _place(item.path, item.config)
        changing = CHANGING.index(file) + 1 if file in CHANGING else 0
        return FOLDERS.index(folder), changing, item.get_closest_marker("last") is not None

    # At random otherwise: pytest-randomly has been here.
    items.sort(key=rank)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server of DATABASE_URL, else a new one: of the test's version, or the local system's."""
    if is_given():
        yield GivenServer.from_environment()
        return
    with postgres.Server(fsync=False, major=getattr(request, "param", None)) as server:
        yield server


@contextmanager
def new_database(server: Server, template: str) -> Iterator[str]:
    """Give the name of a copy of the template, dropped at the end."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server.admin_url(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner postgres").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    try:
        yield name
    finally:
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def supabase_template(server: Server) -> Iterator[str]:
    """A Supabase database without schema bridge."""
    with new_database(server, "template0") as name:
        with psycopg.connect(server.admin_url(name), autocommit=True) as admin:
            admin.execute("create schema extensions")
            for extension in ("citext", "hstore"):
                admin.execute(f"create extension {extension} schema extensions")
        supabase.install(server.admin_url(name), name)
        yield name


@pytest.fixture(scope="session")
def bridge_template(server: Server, supabase_template: str) -> Iterator[str]:
    """The same with schema bridge."""
    with new_database(server, supabase_template) as name:
        database = Database(server, name)
        database.install()
        database.connection.close()
        yield name


@pytest.fixture
def stand_ins(server: Server, supabase_template: str) -> None:
    """Skip where the server has the real pg_net, whose worker serves one database, and none of the tests'."""
    if not supabase.has_stand_in_pg_net(server.admin_url(supabase_template)):
        pytest.skip("this needs the stand-ins of pg_net and Vault: unset DATABASE_URL")


@pytest.fixture
def database(server: Server, bridge_template: str) -> Iterator[Database]:
    yield from clone(server, bridge_template)


@pytest.fixture
def empty_database(server: Server, supabase_template: str) -> Iterator[Database]:
    yield from clone(server, supabase_template)


def clone(server: Server, template: str) -> Iterator[Database]:
    with new_database(server, template) as name:
        database = Database(server, name)
        yield database
        database.connection.close()


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
        "QUEUE_ADDRESS": queue.address,
        "QUEUES": json.dumps({"handle_order": queue.name}),
        "TARGETS": "{}",
        "TARGET_SECRET_IDS": "{}",
        "ALLOWED_TARGET_RANGES": "[]",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def node_environment(database: Database, server: Server, function_environment: None) -> dict[str, str]:  # noqa: ARG001
    return {
        **os.environ,
        "DATABASE_URL": database.url,
        "ADMIN_DATABASE_URL": server.admin_url(database.name),
    }


@pytest.fixture
def storage(server: Server, database: Database) -> Iterator[SupabaseApi]:
    """Supabase Storage on the shop's tables, which has the bucket of the receipts."""
    database.execute((SHOP / "schema.sql").read_bytes())
    directory = RunDirectory()
    url = server.url(database.name, "authenticator")
    try:
        with SupabaseApi(url, run_directory=directory, log=directory.path / "api.log") as api:
            yield api
    finally:
        directory.remove()


@pytest.fixture
def storage_environment(node_environment: dict[str, str], storage: SupabaseApi) -> dict[str, str]:
    """The environment of Node.js tests that put files into Storage."""
    return {
        **node_environment,
        "STORAGE_URL": storage.url,
        "STORAGE_LEGACY_KEY": storage.keys.service_role_key,
        "STORAGE_SECRET_KEY": storage.keys.secret_key,
    }
