"""Order of the whole suite, and the Postgres that several folders use.

One server for all tests of a process, one template with everything installed, one clone of it for each test.
Those of `database` run on each supported version; with DATABASE_URL, on the server that it names.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import botocore.session
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from local import postgres, supabase
from tests.databases import Database
from tests.servers import GivenServer, is_given, supported_majors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

FOLDERS = ["end_to_end", "unit", "infrastructure", "database", "edge"]
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder, *rest = metafunc.definition.path.relative_to(metafunc.config.rootpath / "tests").parts
    if folder == ON_EVERY_VERSION and "server" in metafunc.fixturenames and not is_given():
        majors = supported_majors()
        metafunc.parametrize(
            "server", majors[-1:] if ON_THE_NEWEST.intersection(rest) else majors, indirect=True
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests in one process that share what takes long to make, before pytest-xdist asks for groups."""
    for item in items:
        folder, *_ = item.path.relative_to(item.config.rootpath / "tests").parts
        if folder in SHARING:
            item.add_marker(pytest.mark.xdist_group(SHARING[folder]))


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_collection_modifyitems_in_order(items: list[pytest.Item]) -> None:
    """The deployment, which takes longest, for one process; the other begins with the fast folders."""

    def rank(item: pytest.Item) -> tuple[int, int, bool]:
        folder, *_, file = item.path.relative_to(item.config.rootpath / "tests").parts
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
