"""The small pool of connections, and the transaction of a request: role and claims are its own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tools.local.supabase_api.errors import BusyError, UnreachableError

# PostgREST's defaults.
POOL_SIZE = 10
PATIENCE_SECONDS = 10.0
CONNECT_SECONDS = 5

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Caller:
    """Who asks: what a transaction runs as."""

    role: str
    claims: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)

    def local_settings(self) -> dict[str, str]:
        return {
            **self.settings,
            "request.jwt.claims": json.dumps(self.claims),
            # Last: the role may not be allowed to set the others.
            "role": self.role,
        }


class Statement:
    """SQL in the making: values are bound, names are quoted, and nothing else of a request gets in."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def bind(self, value: str) -> str:
        """Return the placeholder of a value, whose type PostgreSQL finds out as for a literal."""
        self.values.append(value)
        return f"${len(self.values)}"


def quoted(*names: str) -> str:
    """Return a name, qualified by those before it, as an identifier of SQL."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


class Transaction:
    """What a request may do in its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = psycopg.AsyncRawCursor(connection)

    async def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        await self._cursor.execute(query.encode(), values)
        return await self._cursor.fetchall() if self._cursor.description is not None else []

    async def row(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        found = await self.rows(query, values)
        return found[0] if found else None

    async def become(self, caller: Caller) -> None:
        """Act as `caller` to the end of the transaction."""
        statement = Statement()
        calls = [
            f"set_config({statement.bind(name)}, {statement.bind(value)}, true)"
            for name, value in caller.local_settings().items()
        ]
        await self.rows(f"select {', '.join(calls)}", statement.values)


class Pool:
    """A few connections, opened when they are needed."""

    def __init__(self, url: str, application: str, *, size: int = POOL_SIZE) -> None:
        """Prepare it.

        Args:
            url: the address of a role that may become anon, authenticated and service_role.
            application: what the server shows of its connections.
            size: how many there are at most.
        """
        self._url = url
        self._application = application
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []

    @contextlib.asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Transaction]:
        """Give a transaction, committed at the end of the block and rolled back by an exception.

        Raises:
            BusyError: every connection was taken for 10 seconds.
            UnreachableError: the database takes no connection.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise BusyError from None
        try:
            connection = self._idle.pop() if self._idle else await self._open()
            try:
                async with connection.transaction():
                    if read_only:
                        await connection.execute("set transaction read only")
                    yield Transaction(connection)
            finally:
                if not connection.closed:
                    self._idle.append(connection)
        finally:
            self._places.release()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def _open(self) -> Connection:
        try:
            return await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name=self._application,
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            raise UnreachableError(str(error)) from error
