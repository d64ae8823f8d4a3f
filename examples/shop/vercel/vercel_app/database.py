"""Postgres through the pooler in transaction mode, shared by the requests of one instance.

The pooler gives a connection to each transaction and takes it back at its end: nothing here relies on the
session (no SET, no prepared statements, no LISTEN); settings are made with `set local`.

Several requests run in one instance at a time, so that one connection is not enough; and an instance is
frozen as soon as none runs. What it keeps open then holds a place at the pooler for as long as the instance
exists, and may be dead when it goes on, because a frozen instance runs no timer and answers no keepalive:
psycopg_pool could neither close what idles nor know what broke, and would have to ask each connection before
its use. A connection for each request needs none of that, but a payment would hold one while Stripe is asked,
and requests that follow closely would each pay for a new one. So connections are handed on between the
requests that run, and closed when the last of them ends.
https://vercel.com/blog/the-real-serverless-compute-to-database-connection-problem-solved
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from vercel_app import connecting
from vercel_app.connecting import Connection
from vercel_app.deadline import Deadline
from vercel_app.errors import LostTransactionError, SettingsError, SlowError, UnavailableError
from vercel_app.settings import Settings

# At a time in one instance. More instances are started under load: a pooler's clients are few.
MAX_CONNECTIONS = 4
# A statement, or a pause between two: an instance that was stopped half-way must not hold its locks.
STATEMENT_SECONDS = 8.0
# For the server to say itself that it took too long.
_GRACE_SECONDS = 1.0
_MIN_SECONDS = 0.2
# insufficient_privilege, and invalid_parameter_value for a role that doesn't exist
_ROLE_REFUSED = ("42501", "22023")
# The only statement before the block, so that it costs one round trip.
_SETTINGS = """
select set_config('statement_timeout', %(ms)s, true),
       set_config('idle_in_transaction_session_timeout', %(ms)s, true)
"""
_ROLE_SETTINGS = """,
       set_config('request.jwt.claims', %(claims)s, true),
       set_config('role', %(role)s, true)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """On whose behalf a transaction runs: row-level security decides what it sees and changes.

    Attributes:
        role: the database role.
        claims: of the verified token, which auth.uid() and auth.jwt() read.
    """

    role: str
    claims: Mapping[str, Any]


class Database:
    """The connections of this instance.

    Args:
        settings: read when a connection is made.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: list[Connection] = []
        self._users = 0

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """Keep connections for the transactions in the block; close them when the last such block ends."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                await self.close()

    @contextlib.asynccontextmanager
    async def transaction(
        self, deadline: Deadline, *, caller: Caller | None = None
    ) -> AsyncIterator[Connection]:
        """Run a transaction; it commits at the end of the block and rolls back on an error.

        Args:
            deadline: no statement takes longer.
            caller: whose role and claims decide; None: the role that DATABASE_URL names.

        Raises:
            SettingsError: a variable can't be used, or the caller's role isn't granted.
            UnavailableError: no connection could be made, or it broke; nothing has taken effect, unless it
                broke while it committed.
            SlowError: too little time is left, or Postgres has not answered in time.
            LostTransactionError: the block rolled back or ended the transaction, or hid what had voided it.
            psycopg.Error: whatever the transaction's statements raise.
        """
        async with self._place(deadline):
            connection, begun = await self._begin(deadline, caller)
            try:
                async with begun:
                    with _no_silent_rollback():
                        yield connection
                    _require_transaction(connection)
            except psycopg.OperationalError as error:
                if not connection.closed:
                    raise
                raise _broken(connection) from error
            finally:
                await self._give_back(connection)

    async def close(self) -> None:
        """Close what is not in use."""
        while self._idle:
            await self._idle.pop().close()

    @contextlib.asynccontextmanager
    async def _place(self, deadline: Deadline) -> AsyncIterator[None]:
        if deadline.left() < _MIN_SECONDS:
            raise SlowError("too little time was left to ask Postgres")
        try:
            async with asyncio.timeout(deadline.left()):
                await self._places.acquire()
        except TimeoutError:
            raise UnavailableError("every connection to Postgres is taken") from None
        try:
            yield
        finally:
            self._places.release()

    async def _begin(
        self, deadline: Deadline, caller: Caller | None
    ) -> tuple[Connection, contextlib.AsyncExitStack]:
        """Begin a transaction, on another connection if one is found lost: nothing of the block has run."""
        while True:
            reused = bool(self._idle)
            connection = self._idle.pop() if reused else await connecting.connect(self._settings, deadline)
            connection.deadline = Deadline(deadline.left() + _GRACE_SECONDS)
            try:
                return connection, await _begun(connection, deadline, caller)
            except psycopg.Error as error:
                await connection.close()
                if reused and isinstance(error, psycopg.OperationalError) and not connection.unanswered:
                    continue
                raise _refusal(error, connection, caller) from error

    async def _give_back(self, connection: Connection) -> None:
        # What a user of the connection sets for itself is no other's.
        connection.row_factory = tuple_row
        connection.deadline = None
        status = connection.info.transaction_status
        if self._users and status == psycopg.pq.TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            await connection.close()


async def _begun(
    connection: Connection, deadline: Deadline, caller: Caller | None
) -> contextlib.AsyncExitStack:
    """Begin a transaction; it ends with the stack that is returned."""
    seconds = max(min(STATEMENT_SECONDS, deadline.left()), _MIN_SECONDS)
    values = {"ms": str(int(seconds * 1_000))}
    if caller is not None:
        values |= {"role": caller.role, "claims": json.dumps(dict(caller.claims))}
    async with contextlib.AsyncExitStack() as begun:
        await begun.enter_async_context(connection.transaction())
        await connection.execute(_SETTINGS + (_ROLE_SETTINGS if caller else ""), values)
        return begun.pop_all()


def _refusal(error: psycopg.Error, connection: Connection, caller: Caller | None) -> Exception:
    """Return what it means that a transaction could not begin."""
    if connection.unanswered:
        return _broken(connection)
    if connecting.is_full(error):
        return UnavailableError("every connection to Postgres is taken")
    if caller is not None and error.sqlstate in _ROLE_REFUSED:
        return SettingsError(
            f'the role of DATABASE_URL may not act as "{caller.role}": run role.sql, and connect as edge'
        )
    return UnavailableError(
        "Postgres is out of reach", reason=f"a transaction could not begin: {error.sqlstate}"
    )


def _broken(connection: Connection) -> UnavailableError:
    if connection.unanswered:
        return SlowError("Postgres did not answer in time")
    return UnavailableError("the connection to Postgres broke")


@contextlib.contextmanager
def _no_silent_rollback() -> Iterator[None]:
    # psycopg swallows Rollback at the end of the transaction, as if all had gone well.
    try:
        yield
    except psycopg.Rollback:
        raise LostTransactionError("the transaction was rolled back by its own code") from None


def _require_transaction(connection: Connection) -> None:
    # Postgres answers the COMMIT of a void transaction by rolling back, and psycopg lets that pass.
    status = connection.info.transaction_status
    if status != psycopg.pq.TransactionStatus.INTRANS:
        raise LostTransactionError(
            f"the transaction can't be committed, its status is {status.name}: let statements' errors pass,"
            ' or run what may fail in "async with db.transaction()"; leave COMMIT and ROLLBACK to the caller'
        )
