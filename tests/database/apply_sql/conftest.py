"""A database before its first deployment, pg_net beside it, and what deploys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.database.apply_sql.deployer import Api, Deployer
from tools.local.pg_net import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database
    from tests.servers import Server


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield api
        api.shutdown()
        thread.join()


@pytest.fixture
def bare(empty_database: Database) -> Database:
    """What a user has before the first deployment."""
    empty_database.execute("create table public.orders (id bigint primary key)")
    empty_database.execute("create table public.users (id bigint primary key)")
    return empty_database


@pytest.fixture
def pg_net(
    bare: Database,
    server: Server,
    stand_ins: None,  # noqa: ARG001
    tmp_path: Path,
) -> Iterator[StandIn]:
    worker = StandIn(server.admin_url(bare.name), tmp_path / "pg_net.log", record=lambda _: None)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def deployer(bare: Database, api: Api, pg_net: StandIn) -> Deployer:
    assert pg_net.running()
    return Deployer(bare, api.url)
