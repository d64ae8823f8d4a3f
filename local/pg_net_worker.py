"""Stands in for pg_net's background worker, as a process: `python -m local.pg_net_worker`.

The environment variable PG_NET_DATABASE_URL holds the address of the database that it serves, as a superuser.

It keeps the real one's pace and weaknesses (supabase/pg_net 0.20.4, src/worker.c and src/core.c): it sleeps
until net.wake(); a batch of up to 200 requests is deleted, sent and answered in one transaction, so its
slowest request holds up all; nothing is tried again; what comes back is stored as it is.
"""

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass

import httpx
import psycopg
from psycopg.rows import class_row

BATCH_SIZE = 200
PAUSE_SECONDS = 1.0
# The server starts a worker that has ended again after this time.
RESTART_SECONDS = 1.0
TIME_TO_LIVE = "6 hours"
MAXIMUM_REDIRECTS = 30
VERSION = "0.20.4"
USER_AGENT = f"pg_net/{VERSION}"
APPLICATION_NAME = f"pg_net {VERSION}"

SIGNALS_NAME = "local.pg_net_worker: wakes"

# The locks of net.wake(): 0 is held by the transactions that wake, 1 while the worker is woken.
WAKING = """
select l.virtualtransaction
from pg_locks as l join pg_database as d on d.oid = l.database
where d.datname = current_database() and l.locktype = 'advisory' and l.classid = 7234932 and l.objid = 0
"""
SHOW_WOKEN = "select pg_advisory_lock(7234932, 1)"
HIDE_WOKEN = "select pg_advisory_unlock(7234932, 1)"
# How long the end of a transaction that was open when the flag was cleared can go unseen.
OPEN_SECONDS = 0.005
# Bytes as text without a check, as the real worker stores them from C.
RAW_TEXT = """
create function pg_temp.raw_text(bytea) returns text
language internal immutable strict as 'byteasend'
"""
LOCK = "lock table net.http_request_queue, net._http_response in access share mode nowait"
TAKE = """
with rows as (select id from net.http_request_queue order by id limit %s)
delete from net.http_request_queue as q using rows where q.id = rows.id
returning q.id, q.method::text, q.url, q.timeout_milliseconds,
  array(select key || ': ' || value from jsonb_each_text(q.headers)) as headers, q.body
"""
EXPIRE = """
with rows as (
  select ctid from net._http_response where created < now() - %s::interval order by created limit %s
)
delete from net._http_response as r using rows where r.ctid = rows.ctid
"""
ANSWER = """
insert into net._http_response (id, status_code, content, headers, content_type, timed_out, error_msg)
values (
  %(id)s, %(status_code)s, pg_temp.raw_text(%(content)s),
  case when %(status_code)s::integer is not null then jsonb_object(
    array(select pg_temp.raw_text(name) from unnest(%(header_names)s::bytea[]) as name),
    array(select pg_temp.raw_text(value) from unnest(%(header_values)s::bytea[]) as value)
  ) end,
  pg_temp.raw_text(%(content_type)s), %(timed_out)s, %(error_msg)s
)
"""

# The first that fits, in curl's words.
CURL_ERRORS: dict[type[Exception], str] = {
    httpx.ConnectError: "Could not connect to server",
    httpx.UnsupportedProtocol: "Unsupported protocol",
    httpx.TooManyRedirects: "Number of redirects hit maximum amount",
    httpx.RemoteProtocolError: "Server returned nothing (no headers, no data)",
    httpx.NetworkError: "Failure when receiving data from the peer",
    httpx.InvalidURL: "URL using bad/illegal format or missing URL",
    UnicodeError: "URL using bad/illegal format or missing URL",
}

# The extension is not there, or is being created or dropped.
MISSING = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
    psycopg.errors.LockNotAvailable,
)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class UnusableRequestError(Exception):
    """A row that ends the real worker, each time it starts again: curl refuses what it says."""


@dataclass(frozen=True)
class Request:
    """A row of net.http_request_queue; `headers` are lines, null for a null value."""

    id: int
    method: str
    url: str
    timeout_milliseconds: int
    headers: list[str | None]
    body: bytes | None


@dataclass
class Response:
    """A row of net._http_response; headers and content as they came."""

    id: int
    status_code: int | None = None
    content: bytes | None = None
    header_names: list[bytes] | None = None
    header_values: list[bytes] | None = None
    content_type: bytes | None = None
    timed_out: bool = False
    error_msg: str | None = None


class Signals:
    """What the real worker shares with the server: a flag that it is woken, one to start again, and a latch.

    net.wake() notifies at commit. Since commits that notify wait for one another, it leaves that out while it
    sees the flag set; so when the flag is cleared, the transactions open then are watched to their end.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.add_notify_handler(self._notified)
        self._payloads: set[str] = set()
        self._latch = asyncio.Event()
        self._readable = asyncio.Event()
        self._open: set[str] = set()
        self._woken = True
        self.restart = False

    async def listen(self) -> None:
        """Be told of wakes from now on; the worker starts woken, for what is queued already."""
        await self._connection.execute("listen pg_net")
        await self._connection.execute(SHOW_WOKEN)

    async def take_wake(self) -> bool:
        """Clear the flag that the worker is woken; return whether it was set."""
        if not self._woken:
            return False
        self._woken = False
        await self._connection.execute(HIDE_WOKEN)
        self._open = await self._waking()
        self._readable.set()
        return True

    async def wait(self, seconds: float | None) -> None:
        """Sleep until the latch is set, for `seconds` at most, or without end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._latch.wait()
        self._latch.clear()

    async def watch(self) -> None:
        """Set flags and latch as the database tells, until cancelled."""
        # psycopg's own waiting would look ten times a second; and it registers its own number of the socket.
        socket = os.dup(self._connection.fileno())
        loop = asyncio.get_running_loop()
        try:
            while True:
                loop.add_reader(socket, self._readable.set)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(OPEN_SECONDS if self._open else None):
                        await self._readable.wait()
                loop.remove_reader(socket)
                self._readable.clear()
                await self._look()
        finally:
            loop.remove_reader(socket)
            os.close(socket)

    def _notified(self, notification: psycopg.Notify) -> None:
        # Called while a query of this connection is answered, whichever it is.
        self._payloads.add(notification.payload)
        self._readable.set()

    async def _look(self) -> None:
        waking = await self._waking()
        payloads, self._payloads = self._payloads, set()
        if "restart" in payloads:
            self.restart = True
            self._latch.set()
        if "wake" in payloads or self._open - waking:
            await self._wake()

    async def _wake(self) -> None:
        """Set flag and latch, unless the flag is set: only the first wake sets the latch."""
        self._open.clear()
        if not self._woken:
            self._woken = True
            await self._connection.execute(SHOW_WOKEN)
            self._latch.set()

    async def _waking(self) -> set[str]:
        cursor = await self._connection.execute(WAKING)
        return {str(transaction) for (transaction,) in await cursor.fetchall()}


async def work(address: str) -> None:
    """Send what is queued, until the process is told to end."""
    while True:
        try:
            await _work(address)
        except* (psycopg.Error, UnusableRequestError) as errors:
            print(errors.exceptions, flush=True)  # noqa: T201 - the worker's log
        await asyncio.sleep(RESTART_SECONDS)


async def _work(address: str) -> None:
    async with (
        await _connect(address, APPLICATION_NAME) as connection,
        await _connect(address, SIGNALS_NAME) as signals_connection,
        _client() as client,
    ):
        await connection.execute(RAW_TEXT)
        signals = Signals(signals_connection)
        await signals.listen()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(signals.watch())
            while not signals.restart:
                if await signals.take_wake():
                    await _drain(connection, client, signals)
                else:
                    await signals.wait(None)
            watching.cancel()


async def _connect(address: str, name: str) -> Connection:
    return await psycopg.AsyncConnection.connect(address, autocommit=True, application_name=name)


async def _drain(connection: Connection, client: httpx.AsyncClient, signals: Signals) -> None:
    """Send batch after batch until one has nothing to do."""
    busy = True
    while busy and not signals.restart:
        try:
            async with connection.transaction():
                await connection.execute(LOCK)
                busy = await _batch(connection, client)
        except MISSING as error:
            print(repr(error), flush=True)  # noqa: T201 - the worker's log
            return
        await signals.wait(PAUSE_SECONDS)


async def _batch(connection: Connection, client: httpx.AsyncClient) -> bool:
    """Send one batch; return whether there was anything to do."""
    expired = await connection.execute(EXPIRE, [TIME_TO_LIVE, BATCH_SIZE])
    cursor = psycopg.AsyncCursor(connection, row_factory=class_row(Request))
    await cursor.execute(TAKE, [BATCH_SIZE])
    requests = await cursor.fetchall()
    for request in requests:
        if request.timeout_milliseconds < 0:
            raise UnusableRequestError("Could not curl_easy_setopt(CURLOPT_TIMEOUT_MS)")
    responses = await asyncio.gather(*(send(client, request) for request in requests))
    if responses:
        await cursor.executemany(ANSWER, [vars(response) for response in responses])
    return bool(requests) or expired.rowcount > 0


def _client() -> httpx.AsyncClient:
    # Each request has its own time limit, for the whole of it.
    limits = httpx.Limits(max_connections=BATCH_SIZE)
    client = httpx.AsyncClient(limits=limits, timeout=None, trust_env=False)  # noqa: S113
    for name in list(client.headers):
        del client.headers[name]
    return client


async def send(client: httpx.AsyncClient, request: Request) -> Response:
    """Return what came back for the request, or why nothing did, in curl's words."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(request.timeout_milliseconds / 1000 or None):
            return await _exchange(client, request)
    except TimeoutError:
        milliseconds = (time.monotonic() - started) * 1000
        return Response(request.id, timed_out=True, error_msg=_timeout(request, milliseconds))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return Response(request.id, error_msg=_curl_error(error))


async def _exchange(client: httpx.AsyncClient, request: Request) -> Response:
    first: httpx.Response | None = None
    pending: httpx.Request | None = client.build_request(
        request.method.upper(), request.url, content=request.body, headers=_headers(request)
    )
    for _ in range(1 + MAXIMUM_REDIRECTS):
        assert pending is not None  # noqa: S101
        answer = await client.send(pending, stream=True)
        try:
            # As it came: the real one asks for no encoding and undoes none.
            content = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        first = first or answer
        pending = answer.next_request
        if pending is None:
            return _response(request, first, answer, content)
        if request.method.upper() != "POST":
            pending.method = request.method.upper()
    raise httpx.TooManyRedirects("", request=answer.request)


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request: those with a value, and curl's own where the row names none."""
    lines = [line.partition(":") for line in request.headers if line is not None]
    named = {name.lower() for name, _, _ in lines}
    if "accept" not in named:
        lines.append(("Accept", ":", "*/*"))
    if request.body is not None and "content-type" not in named:
        lines.append(("Content-Type", ":", "application/x-www-form-urlencoded"))
    lines.append(("User-Agent", ":", USER_AGENT))
    return [(name.encode(), value.strip().encode()) for name, _, value in lines if value.strip()]


def _response(request: Request, first: httpx.Response, last: httpx.Response, content: bytes) -> Response:
    """Return the row as the real one fills it: after redirects, the headers are the first response's."""
    content_types = [value for name, value in last.headers.raw if name.lower() == b"content-type"]
    return Response(
        request.id,
        status_code=last.status_code,
        # Read as a C string: up to the first zero byte, and nothing is null.
        content=content.partition(b"\0")[0] or None,
        # A name that comes twice is kept once, with its last value.
        header_names=[name for name, _ in first.headers.raw],
        header_values=[value for _, value in first.headers.raw],
        content_type=content_types[0] if content_types else None,
    )


def _timeout(request: Request, milliseconds: float) -> str:
    return (
        f"Timeout of {request.timeout_milliseconds} ms reached. Total time: {milliseconds:f} ms "
        f"(DNS time: 0.000000 ms, TCP/SSL handshake time: 0.000000 ms, "
        f"HTTP Request/Response time: {milliseconds:f} ms)"
    )


def _curl_error(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError) and "name" in str(error).lower():
        return "Could not resolve hostname"
    for kind, words in CURL_ERRORS.items():
        if isinstance(error, kind):
            return words
    return str(error) or type(error).__name__


async def main(address: str) -> None:
    task = asyncio.ensure_future(work(address))
    # SIGTERM ends the batch under way: its transaction rolls back, as when the real worker is killed.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    asyncio.run(main(os.environ["PG_NET_DATABASE_URL"]))
