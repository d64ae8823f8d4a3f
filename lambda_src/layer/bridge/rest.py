"""Requests to Supabase's REST API: one pool of connections, time-outs, retries, typed errors.

The client is urllib3, by what each costs a cold start: milliseconds to import it and make a client, alone and
after botocore's, which reads the keys (medians of five on one machine), and megabytes with all it needs.

             alone   after botocore   unzipped
  urllib3      108                0        0.5
  httpx        272              227        2.0
  postgrest    574              451       13.5
  supabase     836              726       30.8
"""

import functools
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import responses
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, SSLError
from urllib3.exceptions import TimeoutError as UnfinishedError

from bridge import json_text
from bridge.errors import (
    SupabaseConflictError,
    SupabaseError,
    SupabaseForbiddenError,
    SupabaseUnauthorizedError,
    SupabaseUnavailableError,
)

CONNECT_SECONDS = 2.0
# Envoy and Kong close idle connections: one that was kept while the function slept may be gone.
MAX_IDLE_SECONDS = 30.0
# A pause may end a little late, and urllib3 refuses a time-out of nothing.
_LEAST_SECONDS = 0.001
_PART_BYTES = 65_536
# Before the second and the third attempt; there is no fourth.
_BACKOFF_SECONDS = (0.1, 0.3)
_PASSING = (502, 503, 504)
# What stands before the gateway has numbers of its own, such as Cloudflare's 520 to 530.
_LAST_STANDARD = 511
# https://docs.postgrest.org/en/stable/references/errors.html
_BY_CODE: dict[str, type[SupabaseError]] = {
    "23505": SupabaseConflictError,
    "42501": SupabaseForbiddenError,
    "57014": SupabaseUnavailableError,
    "PGRST000": SupabaseUnavailableError,
    "PGRST001": SupabaseUnavailableError,
    "PGRST002": SupabaseUnavailableError,
    "PGRST003": SupabaseUnavailableError,
    "PGRST301": SupabaseUnauthorizedError,
    "PGRST302": SupabaseUnauthorizedError,
    "PGRST303": SupabaseUnauthorizedError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as often as it may be sent.

    Attributes:
        method: the HTTP verb.
        path: after the gateway's address, such as "/rest/v1/users".
        parameters: of the query string.
        body: to be sent as JSON; None: none.
        prefer: what PostgREST calls preferences.
        idempotent: whether sending it twice does what sending it once does.
    """

    method: str
    path: str
    parameters: Sequence[tuple[str, str]] = ()
    body: Any = None
    prefer: str = ""
    idempotent: bool = False


@dataclass(slots=True)
class _Pool:
    manager: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=4, cert_reqs="CERT_REQUIRED")
    )
    used_at: float = field(default_factory=time.time)


@functools.cache
def _pool() -> _Pool:
    return _Pool()


def send(url: str, request: Request, headers: Mapping[str, str], *, deadline: float) -> Any:
    """Send a request and return what the answer's JSON says; None for an answer without a body.

    It is sent again, at most three times in all, after a failure that may pass: when it may be repeated, or
    when no connection was made.

    Args:
        url: the gateway's address.
        request: what to ask.
        headers: the keys.
        deadline: of time.monotonic(), for all attempts and the pauses between them.

    Raises:
        SupabaseError: it was refused, or not answered in time.
    """
    for backoff in (*_BACKOFF_SECONDS, None):
        try:
            response, body = _send_once(url, request, headers, deadline)
        except HTTPError as error:
            failure: SupabaseError = SupabaseUnavailableError(0, message=f"no answer from {url}: {error}")
            passing = isinstance(error, ConnectTimeoutError) or (
                request.idempotent and not isinstance(error, SSLError)
            )
            retry_after = 0.0
        else:
            if response.status < HTTPStatus.MULTIPLE_CHOICES:
                return _decoded(response.status, body)
            failure = _error(response.status, body)
            passing = request.idempotent and response.status in _PASSING
            retry_after = _retry_after(response)
        pause = max(retry_after, (backoff or 0) * random.uniform(0.5, 1.5))  # noqa: S311  # against herds
        if backoff is None or not passing or time.monotonic() + pause >= deadline:
            raise failure from None
        time.sleep(pause)
    raise AssertionError


def _send_once(
    url: str, request: Request, headers: Mapping[str, str], deadline: float
) -> tuple[urllib3.BaseHTTPResponse, bytes]:
    pool = _pool()
    seconds = max(deadline - time.monotonic(), _LEAST_SECONDS)
    if time.time() - pool.used_at > MAX_IDLE_SECONDS:
        pool.manager.clear()
    query = f"?{urlencode(request.parameters, quote_via=quote)}" if request.parameters else ""
    sent = {"Accept": "application/json", **headers}
    body = None
    if request.body is not None:
        sent["Content-Type"] = "application/json"
        body = json.dumps(request.body, default=str).encode()
    if request.prefer:
        sent["Prefer"] = request.prefer
    try:
        response = pool.manager.request(
            request.method,
            f"{url}{request.path}{query}",
            body=body,
            headers=sent,
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), total=seconds),
        )
        return response, _read(response, url, deadline)
    finally:
        pool.used_at = time.time()


def _read(response: urllib3.BaseHTTPResponse, url: str, deadline: float) -> bytes:
    # urllib3 bounds each wait for a part of the body, not how many parts there are.
    parts = []
    while part := _read_part(response, deadline):
        parts.append(part)
        if time.monotonic() > deadline:
            response.close()
            raise UnfinishedError(f"{url} took too long to send its answer")
    response.release_conn()
    return b"".join(parts)


def _read_part(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    connection = response.connection
    if isinstance(connection, HTTPConnection) and connection.sock is not None:
        connection.sock.settimeout(max(deadline - time.monotonic(), _LEAST_SECONDS))
    return response.read1(_PART_BYTES)


def _decoded(status: int, data: bytes) -> Any:
    try:
        return json_text.decode(data.decode()) if data else None
    except ValueError:
        raise SupabaseError(status, message="the answer is not JSON") from None


def _error(status: int, data: bytes) -> SupabaseError:
    try:
        said = json_text.decode(data.decode())
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {}
    code, message, details, hint = (
        str(said.get(name) or "") for name in ("code", "message", "details", "hint")
    )
    kind = _BY_CODE.get(code) or _by_status(status, from_postgrest="code" in said)
    return kind(status, code, message or responses.get(status, "no reason given"), details, hint)


def _by_status(status: int, *, from_postgrest: bool) -> type[SupabaseError]:
    # The gateway itself refuses a key: Kong with 401, Envoy with 403, neither in PostgREST's form.
    if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and not from_postgrest):
        return SupabaseUnauthorizedError
    if status == HTTPStatus.FORBIDDEN:
        return SupabaseForbiddenError
    passing = status in (*_PASSING, HTTPStatus.TOO_MANY_REQUESTS) or status > _LAST_STANDARD
    return SupabaseUnavailableError if passing else SupabaseError


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    try:
        return urllib3.Retry().get_retry_after(response) or 0
    except HTTPError:
        return 0
