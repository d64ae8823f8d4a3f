"""The outbox, seen through the functions of the schema bridge; each call is a transaction."""

from collections.abc import Collection, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.errors import DeadlockDetected
from psycopg.rows import class_row

from bridge.database import Database
from redeliver.delivery import Delivery, Failure, Message

TIMEOUT_MS = 15_000
BACKFILL_TIMEOUT_MS = 5_000


class Settled(NamedTuple):
    """How many deliveries pg_net's answers settled, either way."""

    delivered: int
    failed: int


class Waiting(NamedTuple):
    """What the outbox holds.

    Attributes:
        pending: messages.
        oldest_seconds: the age of the oldest that doesn't wait on purpose.
        dead: messages that were given up.
        paused: targets and webhooks that are paused.
        missing_triggers: declared triggers that do not fire: what they were for is not captured.
        problems: what is wrong with pg_net and Vault, which makes messages late.
    """

    pending: int
    oldest_seconds: float
    dead: int
    paused: int
    missing_triggers: int
    problems: int


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

    def withdraw(self, max_requests: int) -> int:
        """Take back from pg_net what it has not answered in time; return how many requests."""
        return self._number("select bridge.withdraw(%s)", max_requests)

    def heard_ring(self) -> None:
        """Note that pg_net has rung."""
        self._call("select bridge.heard_ring()")

    def stay_awake(self, milliseconds: int) -> None:
        """Promise to look for messages that long: writers then neither post nor ring."""
        self._call("select bridge.stay_awake(%s)", milliseconds)

    def fall_asleep(self) -> bool:
        """Take the promise back; return whether nobody is left who may commit messages relying on it."""
        return bool(self._call("select bridge.fall_asleep()"))

    def park(self, max_messages: int) -> int:
        """Let the due messages of paused webhooks wait, at most so many of each target; return how many."""
        return self._number("select bridge.park(null, %s)", max_messages)

    def admit(self, max_messages: int) -> int:
        """Let parked messages become due that their webhook's pause and limit allow; return how many."""
        return self._number("select bridge.admit(%s)", max_messages)

    def backfill(self, max_rows: int) -> int:
        """Take one backfill a chunk further; return 0 if there is none to take further now.

        Raises:
            QueryCanceled: so many rows took longer than a chunk may.
        """
        return self._number("select bridge.backfill_step(%s)", max_rows, timeout_ms=BACKFILL_TIMEOUT_MS)

    def claim(self, kind: str, max_messages: int, lease_seconds: int) -> list[Message]:
        """Lease due messages for targets of one kind: queue or http.

        Those that are neither completed, failed nor released are due again after the lease.
        """
        with (
            self._database.transaction(timeout_ms=TIMEOUT_MS) as db,
            db.cursor(row_factory=class_row(Message)) as cursor,
        ):
            return cursor.execute(
                "select id, webhook, target, body, attempts from bridge.claim(%s, %s, array[%s])"
                " order by id, target",
                (max_messages, lease_seconds, kind),
            ).fetchall()

    def finish(self, delivery: Delivery) -> int:
        """Record what became of leased messages.

        Returns:
            How many of the failed are dead now.
        """
        try:
            return self._finish(delivery)
        except DeadlockDetected:
            # With whoever operates it, who locks many at once: all of it was rolled back.
            return self._finish(delivery)

    def _finish(self, delivery: Delivery) -> int:
        everything = [*delivery.delivered, *delivery.released, *(message for message, _ in delivery.failed)]
        # Each statement is a round trip to a database that may be far away.
        with self._database.transaction(timeout_ms=TIMEOUT_MS) as db:
            db.execute("select bridge.lock_messages(%s::uuid[], %s::text[])", _keys(everything))
            if delivery.delivered:
                db.execute("select bridge.complete(%s::uuid[], %s::text[])", _keys(delivery.delivered))
            if delivery.released:
                db.execute("select bridge.release(%s::uuid[], %s::text[])", _keys(delivery.released))
            return _refuse(db, delivery.failed) if delivery.failed else 0

    def note_receipts(self, targets: Collection[str]) -> None:
        """Note that these targets prove what they accept."""
        with self._database.transaction(timeout_ms=TIMEOUT_MS) as db:
            db.execute("select bridge.note_receipts(%s, true)", [sorted(targets)])

    def prune(self, max_rows: int) -> int:
        """Delete what is past retention, at most max_rows of each kind; return how many rows went."""
        return self._number("select bridge.prune(%s)", max_rows)

    def waiting(self) -> Waiting:
        """Count what the outbox holds."""
        with (
            self._database.transaction(timeout_ms=TIMEOUT_MS) as db,
            db.cursor(row_factory=class_row(Waiting)) as cursor,
        ):
            row = cursor.execute(
                "select pending, oldest_seconds, dead, paused, missing_triggers, problems"
                " from bridge.metrics()"
            ).fetchone()
        return row or Waiting(0, 0.0, 0, 0, 0, 0)

    def _number(self, query: LiteralString, value: int, timeout_ms: int = TIMEOUT_MS) -> int:
        return int(self._call(query, value, timeout_ms=timeout_ms) or 0)

    def _call(self, query: LiteralString, *values: int, timeout_ms: int = TIMEOUT_MS) -> Any:
        with self._database.transaction(timeout_ms=timeout_ms) as db:
            row = db.execute(query, values).fetchone()
        return row[0] if row else None


def _refuse(db: psycopg.Connection, failed: Sequence[tuple[Message, Failure]]) -> int:
    """Record failed attempts; return how many of the messages are dead now."""
    row = db.execute(
        "select count(*) filter (where"
        " bridge.refuse(id, target, error, status, make_interval(secs => retry_after)) = 'dead')"
        " from unnest(%s::uuid[], %s::text[], %s::text[], %s::integer[], %s::double precision[])"
        " as failed (id, target, error, status, retry_after)",
        [
            *_keys([message for message, _ in failed]),
            [_text(failure.error) for _, failure in failed],
            [failure.status for _, failure in failed],
            [failure.retry_after for _, failure in failed],
        ],
    ).fetchone()
    return int(row[0]) if row else 0


def _text(error: str) -> str:
    """What Postgres can store of an error that may quote what a target sent."""
    return error.replace("\0", "").encode(errors="backslashreplace").decode()


def _keys(messages: Sequence[Message]) -> list[list[Any]]:
    """What tells deliveries apart: the ids, and the targets beside them."""
    return [[message.id for message in messages], [message.target for message in messages]]
