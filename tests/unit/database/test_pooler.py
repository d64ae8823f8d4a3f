"""Through PgBouncer in transaction mode: nothing leaks, and a full pooler is said to be full."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.database import Database
from bridge.errors import PoolerFullError
from tools.local.directories import RunDirectory
from tools.local.pooler import Pooler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret


@pytest.fixture
def size() -> int:
    """How many connections the pooler has, and how many clients it takes beyond."""
    return 20


@pytest.fixture
def pooler(database: TestDatabase, size: int) -> Iterator[Pooler]:
    directory = RunDirectory()
    log = directory.path / "pooler.log"
    with Pooler(database.url, run_directory=directory, log=log, size=size, clients=size + 1) as pooler:
        yield pooler
    directory.remove()


@pytest.fixture
def pooled(pooler: Pooler, database_secret: Secret) -> Iterator[Database]:
    database_secret.put({"database_url": pooler.url()})
    made = Database(database_secret.id, tls="disable", application_name="unit")
    yield made
    made.close()


def hold(pooler: Pooler) -> psycopg.Connection:
    """Take a connection of the pool, as a long transaction does."""
    connection = psycopg.connect(pooler.url(), prepare_threshold=None)
    connection.execute("select 1")
    return connection


def should_keep_its_settings_to_the_transaction(pooled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.transactions._NEGLIGIBLE_MS", 12_345)
    for _ in range(8):
        with pooled.transaction(timeout_ms=12_345, request_id="r") as connection:
            row = connection.execute(
                "select current_setting('statement_timeout'), current_setting('application_name')"
            ).fetchone()
        assert row == ("12345ms", "unit r")
    assert connection.execute("show statement_timeout").fetchone() == ("0",)


@pytest.mark.parametrize("size", [1])
def should_say_so_when_every_connection_is_taken(pooled: Database, pooler: Pooler) -> None:
    with pooled.transaction(timeout_ms=5_000):
        pass
    with hold(pooler):
        began = time.monotonic()
        with pytest.raises(
            PoolerFullError, match=r"was free: no answer within 0\.3 s; lower max_concurrency"
        ):
            pooled.transaction(timeout_ms=300).__enter__()
        assert time.monotonic() - began < 4

    with pooled.transaction(timeout_ms=5_000) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("size", [1])
def should_say_so_when_the_pooler_takes_no_more_clients(pooled: Database, pooler: Pooler) -> None:
    with (
        psycopg.connect(pooler.url()),
        psycopg.connect(pooler.url()),
        pytest.raises(PoolerFullError, match=r"no more connections allowed.*every connection is taken"),
    ):
        pooled.transaction(timeout_ms=300).__enter__()


@pytest.mark.parametrize("size", [1])
def should_take_the_wait_for_a_connection_off_the_time(pooled: Database, pooler: Pooler) -> None:
    with pooled.transaction(timeout_ms=5_000):
        pass
    held = hold(pooler)
    threading.Timer(1.5, held.close).start()

    with pooled.transaction(timeout_ms=5_000) as connection:
        row = connection.execute("show statement_timeout").fetchone()

    assert row is not None
    assert int(row[0].removesuffix("ms")) < 4_900
