"""Redelivery's share of the work on the database, without what it sends."""

import threading
import time
from typing import LiteralString, Self

import psycopg

from tools.local.part import Part

# As redeliver/running.py has them.
AWAKE_MS = 2_500
PROMISE_SECONDS = 1.0
POLL_SECONDS = 0.1
CLAIM: LiteralString = "select id, target, body from bridge.claim(100, 90, '{queue}')"
COMPLETE: LiteralString = "select bridge.complete(%s::uuid[], %s::text[])"


class Redelivery(Part):
    """A redelivery that is awake: promises each second, as one that was rung for does.

    Args:
        url: of the database.
        delivering: whether it also claims and completes all that is due. Nothing is enqueued meanwhile, so it
            asks at least as much of Postgres as the real one.
    """

    def __init__(self, url: str, *, delivering: bool) -> None:
        self._url = url
        self._delivering = delivering
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._stay, daemon=True)
        self._failure: psycopg.Error | None = None

    def start(self) -> Self:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("select bridge.stay_awake(%s)", [AWAKE_MS])
        self._thread.start()
        return self

    def stop(self) -> None:
        """Fall asleep.

        Raises:
            psycopg.Error: it had failed meanwhile, and what was measured is not what it was to be.
        """
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _stay(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as connection:
                promised_at = 0.0
                while not self._over.is_set():
                    if time.monotonic() - promised_at >= PROMISE_SECONDS:
                        connection.execute("select bridge.stay_awake(%s)", [AWAKE_MS])
                        promised_at = time.monotonic()
                    if not self._delivering or not _deliver(connection):
                        self._over.wait(POLL_SECONDS)
                connection.execute("select bridge.fall_asleep()")
        except psycopg.Error as error:
            self._failure = error


def _deliver(connection: psycopg.Connection) -> bool:
    messages = connection.execute(CLAIM).fetchall()
    if messages:
        connection.execute(COMPLETE, [[row[0] for row in messages], [row[1] for row in messages]])
    return bool(messages)
