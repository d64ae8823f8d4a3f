"""The suite's own connection to Postgres: made anew after the server was killed."""

import time
from pathlib import Path
from typing import Any

import psycopg

SCHEMA = Path(__file__).parent / "schema.sql"
PATIENCE_SECONDS = 30.0


class Database:
    """Statements over the direct address, each a transaction."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def begin_counting(self) -> None:
        """Let effects be counted in schema faults."""
        self._connection.execute(SCHEMA.read_bytes())

    def end_counting(self) -> None:
        """Remove schema faults, with its trigger."""
        self._connection.execute("set client_min_messages = warning; drop schema if exists faults cascade")

    def rows(self, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query; on a lost connection it is asked again over a new one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._connection.execute(query.encode(), values).fetchall()
            except psycopg.OperationalError:
                if not self._connection.closed or time.monotonic() > deadline:
                    raise
            self._reconnect(deadline)

    def value(self, query: str, values: dict[str, Any] | None = None) -> Any:
        """Return the only column of the only row."""
        [[value]] = self.rows(query, values)
        return value

    def run(self, statement: str, values: dict[str, Any] | None = None) -> int:
        """Run a statement; return how many rows it changed."""
        return self._connection.execute(statement.encode(), values).rowcount

    def _reconnect(self, deadline: float) -> None:
        while True:
            try:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return
