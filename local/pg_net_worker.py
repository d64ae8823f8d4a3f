"""Stands in for pg_net's background worker, as a process: `python -m local.pg_net_worker`.

The environment variable PG_NET_DATABASE_URL holds the address of the database that it serves.

It keeps the real one's pace and weaknesses (supabase/pg_net 0.20): a batch of up to 200 requests is deleted,
sent and answered in one transaction, so its slowest request holds up all; then a second's pause; nothing is
tried again.
"""

import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass

import httpx
import psycopg
from psycopg.rows import class_row

BATCH_SIZE = 200
PAUSE_SECONDS = 1.0
# The real worker is woken at commit; this one looks.
IDLE_SECONDS = 0.025
TIME_TO_LIVE = "6 hours"
USER_AGENT = "pg_net/0.20.4"
APPLICATION_NAME = "pg_net worker"

TAKE = """
with rows as (select id from net.http_request_queue order by id limit %s)
delete from net.http_request_queue as q using rows where q.id = rows.id
returning q.id, q.method::text, q.url, q.timeout_milliseconds,
  array(select array[key, value] from jsonb_each_text(q.headers)) as headers, q.body
"""
EXPIRE = """
with rows as (
  select ctid from net._http_response where created < now() - %s::interval order by created limit %s
)
delete from net._http_response as r using rows where r.ctid = rows.ctid
"""
ANSWER = """
insert into net._http_response (id, status_code, content, headers, content_type, timed_out, error_msg)
values (%(id)s, %(status_code)s, %(content)s, %(headers)s, %(content_type)s, %(timed_out)s, %(error_msg)s)
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

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True)
class Request:
    """A row of net.http_request_queue."""

    id: int
    method: str
    url: str
    timeout_milliseconds: int
    headers: list[list[str]]
    body: bytes | None


@dataclass
class Response:
    """A row of net._http_response."""

    id: int
    status_code: int | None = None
    content: str | None = None
    headers: str | None = None
    content_type: str | None = None
    timed_out: bool = False
    error_msg: str | None = None


async def work(address: str) -> None:
    """Send what is queued, until the process is told to end."""
    while True:
        try:
            await _work(address)
        except psycopg.Error as error:
            # The database restarts, or net.worker_restart() ended the session; the server starts it anew.
            print(error, flush=True)  # noqa: T201 - the worker's log
            await asyncio.sleep(PAUSE_SECONDS)


async def _work(address: str) -> None:
    limits = httpx.Limits(max_connections=BATCH_SIZE)
    async with (
        await psycopg.AsyncConnection.connect(
            address, autocommit=True, application_name=APPLICATION_NAME
        ) as connection,
        # Each request has its own time limit, for the whole of it.
        httpx.AsyncClient(limits=limits, follow_redirects=True, timeout=None, trust_env=False) as client,  # noqa: S113
    ):
        while True:
            waiting = await _waiting(connection)
            while waiting:
                waiting = await _batch(connection, client)
                await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(IDLE_SECONDS)


async def _waiting(connection: Connection) -> bool:
    cursor = await connection.execute("select from net.http_request_queue limit 1")
    return await cursor.fetchone() is not None


async def _batch(connection: Connection, client: httpx.AsyncClient) -> bool:
    """Send one batch; return whether there was anything to do."""
    async with connection.transaction():
        expired = await connection.execute(EXPIRE, [TIME_TO_LIVE, BATCH_SIZE])
        cursor = psycopg.AsyncCursor(connection, row_factory=class_row(Request))
        await cursor.execute(TAKE, [BATCH_SIZE])
        requests = await cursor.fetchall()
        responses = await asyncio.gather(*(send(client, request) for request in requests))
        if responses:
            await cursor.executemany(ANSWER, [vars(response) for response in responses])
    return bool(requests) or expired.rowcount > 0


async def send(client: httpx.AsyncClient, request: Request) -> Response:
    """Return what came back for the request, or why nothing did, in curl's words."""
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    started = time.monotonic()
    try:
        async with asyncio.timeout(request.timeout_milliseconds / 1000 or None):
            answer = await client.request(
                request.method.upper(),
                request.url,
                content=request.body,
                headers=[*headers, (b"User-Agent", USER_AGENT.encode())],
            )
    except TimeoutError:
        milliseconds = (time.monotonic() - started) * 1000
        return Response(request.id, timed_out=True, error_msg=_timeout(request, milliseconds))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return Response(request.id, error_msg=_curl_error(error))
    return Response(
        request.id,
        status_code=answer.status_code,
        # The real one reads a C string: up to the first zero byte, and nothing is null.
        content=answer.text.partition("\0")[0] or None,
        headers=json.dumps(dict(answer.headers)),
        content_type=answer.headers.get("content-type"),
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
    # SIGTERM ends the batch under way: its transaction rolls back, as the real worker's does.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    asyncio.run(main(os.environ["PG_NET_DATABASE_URL"]))
