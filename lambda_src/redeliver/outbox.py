"""The outbox, seen through the functions of the schema bridge; each call is a transaction."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from bridge.database import Database

TIMEOUT_MS = 15_000


class Message(NamedTuple):
    """A message leased to this run."""

    id: UUID
    webhook: str
    target: str
    body: str
    attempts: int


class Settled(NamedTuple):
    """How many messages pg_net's answers settled, either way."""

    delivered: int
    failed: int


class Waiting(NamedTuple):
    """What the outbox holds: messages pending, the age of the oldest in seconds, dead letters."""

    pending: int
    oldest_seconds: float
    dead: int


class Outbox:
    """Every method raises DatabaseUnavailableError when Postgres cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        """Close the connection; the next call makes another."""
        self._database.close()

    def settle(self, max_messages: int) -> Settled:
        """Take over what pg_net's answers say."""
        with (
            self._database.transaction(timeout_ms=TIMEOUT_MS) as db,
            db.cursor(row_factory=class_row(Settled)) as cursor,
        ):
            row = cursor.execute(
                "select delivered, failed from bridge.settle(%s)", (max_messages,)
            ).fetchone()
        return row or Settled(0, 0)

    def claim(self, max_messages: int, lease_seconds: int) -> list[Message]:
        """Lease due messages; those that are neither completed nor failed are due again after the lease."""
        with (
            self._database.transaction(timeout_ms=TIMEOUT_MS) as db,
            db.cursor(row_factory=class_row(Message)) as cursor,
        ):
            return cursor.execute(
                "select id, webhook, target, body, attempts from bridge.claim(%s, %s)",
                (max_messages, lease_seconds),
            ).fetchall()

    def finish(self, delivered: Sequence[UUID], failed: Mapping[UUID, str]) -> int:
        """Complete messages and record the errors of others.

        Returns:
            How many of the failed are dead now.
        """
        with self._database.transaction(timeout_ms=TIMEOUT_MS) as db:
            db.execute("select bridge.complete(%s::uuid[])", (list(delivered),))
            row = db.execute(
                "select count(*) filter (where bridge.fail(message_id, error) = 'dead')"
                " from unnest(%s::uuid[], %s::text[]) as failed (message_id, error)",
                (list(failed), list(failed.values())),
            ).fetchone()
        return int(row[0]) if row else 0

    def prune(self, max_rows: int) -> int:
        """Delete what is past retention, at most max_rows of each kind; return how many rows went."""
        with self._database.transaction(timeout_ms=TIMEOUT_MS) as db:
            row = db.execute("select bridge.prune(%s)", (max_rows,)).fetchone()
        return int(row[0]) if row else 0

    def waiting(self) -> Waiting:
        """Count what the outbox holds."""
        with (
            self._database.transaction(timeout_ms=TIMEOUT_MS) as db,
            db.cursor(row_factory=class_row(Waiting)) as cursor,
        ):
            row = cursor.execute("select pending, oldest_seconds, dead from bridge.metrics()").fetchone()
        return row or Waiting(0, 0.0, 0)
