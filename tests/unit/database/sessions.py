"""A connection's session: which process serves it, its end, and statements in its transaction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.database import Database
    from tests.databases import Database as TestDatabase


def backend(db: Database) -> int:
    with db.transaction(timeout_ms=5_000) as connection:
        return connection.info.backend_pid


def kill(database: TestDatabase, pid: int) -> None:
    database.execute_as_admin(f"select pg_terminate_backend({pid}, 5000)")


def run(db: Database, *statements: str, timeout_ms: int = 5_000, pause: float = 0) -> None:
    with db.transaction(timeout_ms=timeout_ms) as connection:
        for statement in statements:
            connection.execute(statement.encode())
            time.sleep(pause)
