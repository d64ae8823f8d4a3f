"""The decorator that turns business logic into a Lambda function behind an SQS queue."""

import contextlib
import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, overload

import psycopg
from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge import thin
from bridge.batch import DUPLICATE, PROCESSED, Batches, event_timeout_ms
from bridge.database import Database
from bridge.environment import required
from bridge.errors import DatabaseUnavailableError
from bridge.events import Event
from bridge.transactions import First

Handler = Callable[[Event, psycopg.Connection], None]

_REMEMBER = """
insert into bridge.processed_event (worker, event_id) values (%(worker)s, %(event_id)s) on conflict do nothing
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells a worker.

    Attributes:
        worker: its name, under which processed events are remembered.
        queue_url: where its events come from.
        database_secret_id: the Secrets Manager entry with the pooled URL.
        database_tls: disable, require, verify-ca or verify-full.
    """

    worker: str
    queue_url: str
    database_secret_id: str
    database_tls: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read WORKER, QUEUE_URL, DATABASE_SECRET_ID and DATABASE_TLS.

        Raises:
            SettingsError: one is not set.
        """
        return cls(
            worker=required(environment, "WORKER"),
            queue_url=required(environment, "QUEUE_URL"),
            database_secret_id=required(environment, "DATABASE_SECRET_ID"),
            database_tls=required(environment, "DATABASE_TLS"),
        )


class Worker:
    """A handler of single events that Lambda can call with a batch of them.

    Each event is handled in a transaction of its own, which also records the event's id: a duplicate is
    skipped, and an event whose handler raises goes back to the queue without an effect. Called with an Event
    and a connection, it is the plain handler, as tests want it.
    """

    def __init__(self, handle: Handler) -> None:
        functools.update_wrapper(self, handle)
        self._handle = handle

    @functools.cached_property
    def _settings(self) -> Settings:
        return Settings.from_environment(os.environ)

    @functools.cached_property
    def database(self) -> Database:
        """The connection that this function keeps."""
        settings = self._settings
        return Database(
            settings.database_secret_id, tls=settings.database_tls, application_name=settings.worker
        )

    @functools.cached_property
    def _batches(self) -> Batches:
        return Batches(self._settings.worker, self._settings.queue_url, outage=DatabaseUnavailableError)

    @overload
    def __call__(self, event: Event, context: psycopg.Connection, /) -> None: ...
    @overload
    def __call__(self, event: dict[str, Any], context: LambdaContext, /) -> dict[str, Any]: ...
    def __call__(self, event: Any, context: Any, /) -> dict[str, Any] | None:
        """Handle a batch of SQS records, or directly one Event with a connection.

        Returns:
            The records that failed, as `ReportBatchItemFailures` wants them.
        """
        if isinstance(event, Event):
            return self._handle(event, context)

        def process(event: Event, _body: str) -> str:
            return self._process(event, event_timeout_ms(context), context.aws_request_id)

        return self._batches.answer(event, context, process)

    def _process(self, event: Event, timeout_ms: int, request_id: str) -> str:
        remembered = First(query=_REMEMBER, values={"worker": self._settings.worker, "event_id": event.id})
        with contextlib.ExitStack() as begun:
            with self._batches.waiting_for_database():
                db = begun.enter_context(
                    self.database.transaction(timeout_ms=timeout_ms, request_id=request_id, first=remembered)
                )
            if remembered.rowcount == 0:
                return DUPLICATE
            self._handle(thin.whole(event, db), db)
        return PROCESSED


def worker(handle: Handler) -> Worker:
    """Turn a handler of single events into a Lambda function behind an SQS queue.

    Example:
        @worker
        def handler(event: Event, db: Connection) -> None:
            db.execute("update …")
    """
    return Worker(handle)
