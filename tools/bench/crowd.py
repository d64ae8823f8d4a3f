"""Invocations that are all under way at the same moment."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import httpx
import psycopg

# API Gateway gives up after 30 s.
REQUEST_SECONDS = 32.0
# GET /orders gives a transaction ten seconds, the wait for a connection included; most are left for the rest.
GATHER_SECONDS = 4.0


@dataclass(frozen=True)
class Crowd:
    """What became of a crowd.

    Attributes:
        statuses: answers by HTTP status; 0: none came.
        backends: most connections to Postgres that the function's instances held at a time.
        gathered: how many were in a transaction, or waited to begin one, at the same time.
    """

    statuses: Mapping[int, int]
    backends: int
    gathered: int


def warm(url: str, *, size: int, headers: Mapping[str, str]) -> Mapping[int, int]:
    """Send so many requests at once, so that as many instances start; return the answers by status."""
    with _client() as client, ThreadPoolExecutor(size) as pool:
        return Counter(pool.map(lambda _: _status(client, url, headers), range(size)))


def gather(
    url: str, *, size: int, headers: Mapping[str, str], direct_url: str, waiting: Callable[[], int]
) -> Crowd:
    """Send so many requests to instances that are warm, and hold those that come first at a lock.

    Args:
        url: of GET /orders.
        size: how many.
        headers: of each request.
        direct_url: of the database: the table is locked by it, connections are counted by it. A superuser's
            where the crowd may take every other connection.
        waiting: how many clients hold or wait for a connection, of all.
    """
    with _client() as client, ThreadPoolExecutor(size + 1) as pool, _Backends(direct_url) as backends:
        watching = pool.submit(backends.watch)
        with psycopg.connect(direct_url, autocommit=True) as keeper, keeper.transaction():
            keeper.execute("lock table public.orders in access exclusive mode")
            deadline = time.monotonic() + GATHER_SECONDS
            answers = [pool.submit(_status, client, url, headers) for _ in range(size)]
            gathered = _wait(waiting, size, answers, deadline)
        statuses = Counter(answer.result() for answer in answers)
        backends.stop()
        watching.result()
    return Crowd(dict(statuses), backends.most, gathered)


def _wait(waiting: Callable[[], int], size: int, answers: list[Future[int]], deadline: float) -> int:
    """Wait until all are there, or have been refused, or it has taken too long."""
    most = 0
    while time.monotonic() < deadline:
        left = size - sum(answer.done() for answer in answers)
        # The pooler counts twice who gave up waiting and came again.
        most = max(most, min(waiting(), left))
        if most >= left:
            break
        time.sleep(0.05)
    return most


def _client() -> httpx.Client:
    """One for the crowd: to make one takes longer than a request."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.Client(timeout=REQUEST_SECONDS, trust_env=False, limits=limits)


def _status(client: httpx.Client, url: str, headers: Mapping[str, str]) -> int:
    try:
        return client.get(url, headers=dict(headers)).status_code
    except httpx.HTTPError:
        return 0


class _Backends:
    """Counts, again and again, what the function's instances hold of Postgres."""

    def __init__(self, direct_url: str) -> None:
        self._url = direct_url
        self._over = threading.Event()
        self.most = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Whatever failed: the pool of threads waits for `watch` to end.
        self.stop()

    def watch(self) -> None:
        query = "select count(*) from pg_stat_activity where application_name like 'orders%'"
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._over.wait(0.05):
                row = connection.execute(query).fetchone()
                self.most = max(self.most, row[0] if row else 0)

    def stop(self) -> None:
        self._over.set()
