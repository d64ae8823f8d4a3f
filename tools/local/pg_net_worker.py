"""Stands in for pg_net's background worker, as a process: `python -m tools.local.pg_net_worker`.

The environment variable PG_NET_DATABASE_URL holds the address of the database that it serves, as a superuser.

It keeps the real one's pace and weaknesses (supabase/pg_net 0.20.4, src/worker.c and src/core.c): it sleeps
until net.wake(); a batch of up to 200 requests is deleted, sent and answered in one transaction, so its
slowest request holds up all; nothing is tried again; what comes back is stored as it is.
"""

import asyncio
import contextlib
import os
import re
import signal
from dataclasses import dataclass
from io import BytesIO

import certifi
import psycopg
import pycurl  # type: ignore[import-untyped]
from psycopg.rows import class_row

BATCH_SIZE = 200
PAUSE_SECONDS = 1.0
# The server starts a worker that has ended again after this time.
RESTART_SECONDS = 1.0
TIME_TO_LIVE = "6 hours"
VERSION = "0.20.4"
USER_AGENT = f"pg_net/{VERSION}"
APPLICATION_NAME = f"pg_net {VERSION}"

SIGNALS_NAME = "tools.local.pg_net_worker: wakes"

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

# curl 8.23 writes two of these at once; the curl of Supabase's image writes 64 KiB.
UPLOAD_BUFFER_BYTES = 32 * 1024
# The end of a response's headers, and the start of those that are not informational.
HEADERS_END = re.compile(rb"\r?\n\r?\n")
STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ [2-9]")

# The extension is not there, or is being created or dropped.
MISSING = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
    psycopg.errors.LockNotAvailable,
)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


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


class Multi(pycurl.AsyncCurlMulti):  # type: ignore[misc]
    """curl's transfers, which stall on a large body as the real worker's do.

    Where curl wants to read and to write, the real one waits to read alone (src/event.c; pg_net's issue 225):
    what curl does not write at once is sent when the other side answers, which it does not before it has all.
    """

    def _on_socket(self, what: int, *arguments: object) -> None:
        super()._on_socket(pycurl.POLL_IN if what == pycurl.POLL_INOUT else what, *arguments)


class Transfer:
    """One request as curl sends it, with the options that the real worker sets."""

    def __init__(self, request: Request) -> None:
        """Prepare it.

        Raises:
            pycurl.error: curl refuses what the row says.
        """
        self._request = request
        self._headers = BytesIO()
        self._content = BytesIO()
        self._curl = curl = pycurl.Curl()
        curl.setopt(pycurl.URL, request.url.encode())
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.CAINFO, certifi.where())
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.TIMEOUT_MS, request.timeout_milliseconds)
        lines = [line for line in request.headers if line is not None]
        curl.setopt(pycurl.HTTPHEADER, [line.encode() for line in [*lines, f"User-Agent: {USER_AGENT}"]])
        method = request.method.upper()
        if request.body is not None or method == "POST":
            curl.setopt(pycurl.POSTFIELDS, request.body or b"")
        if method != "POST":
            curl.setopt(pycurl.CUSTOMREQUEST, method)
        curl.setopt(pycurl.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES)
        curl.setopt(pycurl.WRITEHEADER, self._headers)
        curl.setopt(pycurl.WRITEDATA, self._content)

    async def perform(self, multi: Multi) -> Response:
        """Return what comes back, or in curl's words why nothing does."""
        try:
            await multi.perform(self._curl)
        except pycurl.error as error:
            code = error.args[0]
            if code == pycurl.E_OPERATION_TIMEDOUT:
                return Response(self._request.id, timed_out=True, error_msg=self._timeout())
            return Response(self._request.id, error_msg=pycurl.easy_strerror(code))
        return self._response()

    def _response(self) -> Response:
        blocks = HEADERS_END.split(self._headers.getvalue())
        responses = [_headers(block) for block in blocks if STATUS_LINE.match(block)]
        content_types = [value for name, value in responses[-1] if name.lower() == b"content-type"]
        return Response(
            self._request.id,
            status_code=self._curl.getinfo(pycurl.RESPONSE_CODE),
            # Read as a C string: up to the first zero byte, and nothing is null.
            content=self._content.getvalue().partition(b"\0")[0] or None,
            # After redirects, the first response's. Of a name that comes twice, the last value is kept.
            header_names=[name for name, _ in responses[0]],
            header_values=[value for _, value in responses[0]],
            content_type=content_types[0] if content_types else None,
        )

    def _timeout(self) -> str:
        """Return the message for a time-out: how long each step took, the last one until the end."""
        name_lookup, connect, tls, sent, total = (
            self._curl.getinfo(moment) * 1000
            for moment in (
                pycurl.NAMELOOKUP_TIME,
                pycurl.CONNECT_TIME,
                pycurl.APPCONNECT_TIME,
                pycurl.PRETRANSFER_TIME,
                pycurl.TOTAL_TIME,
            )
        )
        if sent:
            steps = (name_lookup, max(connect, tls) - name_lookup, total - sent)
        elif name_lookup or connect:
            steps = (name_lookup, total - name_lookup, 0)
        else:
            steps = (total, 0, 0)
        return (
            f"Timeout of {self._request.timeout_milliseconds} ms reached. Total time: {total:f} ms "
            f"(DNS time: {steps[0]:f} ms, TCP/SSL handshake time: {steps[1]:f} ms, "
            f"HTTP Request/Response time: {steps[2]:f} ms)"
        )


def _headers(block: bytes) -> list[tuple[bytes, bytes]]:
    """Return the names and values under a status line."""
    lines = (line.partition(b":") for line in block.splitlines()[1:])
    return [(name, value.strip()) for name, _, value in lines]


async def work(address: str) -> None:
    """Send what is queued, until the process is told to end."""
    while True:
        try:
            await _work(address)
        except* (psycopg.Error, pycurl.error) as errors:
            print(errors.exceptions, flush=True)  # noqa: T201 - the worker's log
        await asyncio.sleep(RESTART_SECONDS)


async def _work(address: str) -> None:
    async with (
        await _connect(address, APPLICATION_NAME) as connection,
        await _connect(address, SIGNALS_NAME) as signals_connection,
        Multi() as multi,
    ):
        await connection.execute(RAW_TEXT)
        signals = Signals(signals_connection)
        await signals.listen()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(signals.watch())
            while not signals.restart:
                if await signals.take_wake():
                    await _drain(connection, multi, signals)
                else:
                    await signals.wait(None)
            watching.cancel()


async def _connect(address: str, name: str) -> Connection:
    return await psycopg.AsyncConnection.connect(address, autocommit=True, application_name=name)


async def _drain(connection: Connection, multi: Multi, signals: Signals) -> None:
    """Send batch after batch until one has nothing to do."""
    busy = True
    while busy and not signals.restart:
        try:
            async with connection.transaction():
                await connection.execute(LOCK)
                busy = await _batch(connection, multi)
        except MISSING as error:
            print(repr(error), flush=True)  # noqa: T201 - the worker's log
            return
        await signals.wait(PAUSE_SECONDS)


async def _batch(connection: Connection, multi: Multi) -> bool:
    """Send one batch; return whether there was anything to do."""
    expired = await connection.execute(EXPIRE, [TIME_TO_LIVE, BATCH_SIZE])
    cursor = psycopg.AsyncCursor(connection, row_factory=class_row(Request))
    await cursor.execute(TAKE, [BATCH_SIZE])
    requests = await cursor.fetchall()
    # All before the first is sent: a row that curl refuses ends the worker, each time that it starts again.
    transfers = [Transfer(request) for request in requests]
    responses = await asyncio.gather(*(transfer.perform(multi) for transfer in transfers))
    if responses:
        await cursor.executemany(ANSWER, [vars(response) for response in responses])
    return bool(requests) or expired.rowcount > 0


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
