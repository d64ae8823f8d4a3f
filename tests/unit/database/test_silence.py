"""A connection whose other end says nothing any more, as after a NAT gateway has forgotten it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from bridge.database import DOUBTED_IDLE_SECONDS, Database
from bridge.errors import PoolerFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.aws import Secret


@pytest.fixture
def db(database_secret: Secret) -> Iterator[Database]:
    made = Database(database_secret.id, tls="disable", application_name="unit")
    yield made
    made.close()


@pytest.fixture
def silent(db: Database) -> Iterator[int]:
    """The process behind its connection, which has been stopped."""
    pid = backend(db)
    os.kill(pid, signal.SIGSTOP)
    yield pid
    os.kill(pid, signal.SIGCONT)


def backend(db: Database) -> int:
    with db.transaction(timeout_ms=4_000) as connection:
        return connection.info.backend_pid


def should_connect_again_when_it_had_been_idle(
    db: Database, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_used_at", time.time() - DOUBTED_IDLE_SECONDS - 1)

    assert backend(db) != silent


def should_say_so_when_it_was_just_used(db: Database, silent: int) -> None:
    with pytest.raises(PoolerFullError, match="no answer within 4 s"):
        backend(db)
    assert backend(db) != silent
