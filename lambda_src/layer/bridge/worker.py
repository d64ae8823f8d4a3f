"""The decorator that turns business logic into a Lambda function behind an SQS queue."""

import functools
import os
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, overload

import psycopg
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge import retries, thin
from bridge.database import Database
from bridge.environment import required
from bridge.errors import BridgeError, DatabaseUnavailableError, OutOfTimeError
from bridge.events import Event

Handler = Callable[[Event, psycopg.Connection], None]

# An event needs some time to be worth beginning, and the function some to report what became of its batch.
MIN_EVENT_MS = 1_000
REPORT_MS = 1_000

_REMEMBER = """
insert into bridge.processed_event (worker, event_id) values (%s, %s) on conflict do nothing
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
    def _logger(self) -> Logger:
        return Logger(service=self._settings.worker)

    @functools.cached_property
    def _metrics(self) -> Metrics:
        # Without a service there is one dimension: metrics of a worker are found by its name alone.
        return Metrics(service="")

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
        batch = _Batch(self._handle, self._settings.worker, self.database, self._logger, context)
        # A batch that fails as a whole is reported record by record too, so that it isn't logged as a crash.
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        try:
            answer = dict(process_partial_response(event, batch.process, processor, context))
            retries.schedule(self._settings.queue_url, batch.failed)
            # An outage outlasts the attempts of an event that fails by itself.
            retries.schedule(self._settings.queue_url, batch.postponed, seconds=retries.LONGEST_SECONDS)
            return answer
        finally:
            self._publish(batch.outcomes)

    def _publish(self, outcomes: Counter[str]) -> None:
        if not outcomes:
            return
        self._metrics.add_dimension("worker", self._settings.worker)
        for name, count in outcomes.items():
            self._metrics.add_metric(name, MetricUnit.Count, count)
        self._metrics.flush_metrics()


def worker(handle: Handler) -> Worker:
    """Turn a handler of single events into a Lambda function behind an SQS queue.

    Example:
        @worker
        def handler(event: Event, db: Connection) -> None:
            db.execute("update …")
    """
    return Worker(handle)


class _Batch:
    """One invocation: what became of its events so far, and whether the database can be reached."""

    def __init__(
        self, handle: Handler, worker: str, database: Database, logger: Logger, context: LambdaContext
    ) -> None:
        self._handle = handle
        self._worker = worker
        self._database = database
        self._logger = logger
        self._context = context
        self._unavailable: DatabaseUnavailableError | None = None
        self.outcomes: Counter[str] = Counter()
        self.failed: list[dict[str, Any]] = []
        self.postponed: list[dict[str, Any]] = []

    def process(self, record: dict[str, Any]) -> None:
        """Process one SQS record; raises whatever makes it fail."""
        fields: dict[str, Any] = {"sqs_message_id": record["messageId"]}
        try:
            event = Event.parse(record["body"])
            fields |= {"event_id": event.id, "webhook": event.type}
            outcome = self._process(event)
        except Exception as error:
            self.outcomes["EventFailed"] += 1
            self._logger.error("event failed", extra=fields | describe(error))  # noqa: TRY400  # see describe
            if isinstance(error, DatabaseUnavailableError):
                self.postponed.append(record)
            elif not isinstance(error, OutOfTimeError):
                self.failed.append(record)
            raise
        self.outcomes[outcome] += 1
        self._logger.info(
            "event processed" if outcome == "EventProcessed" else "duplicate skipped", extra=fields
        )

    def _process(self, event: Event) -> str:
        if self._unavailable:
            # Each further attempt to connect would take seconds from the same invocation.
            raise self._unavailable
        timeout_ms = self._context.get_remaining_time_in_millis() - REPORT_MS
        if timeout_ms < MIN_EVENT_MS:
            raise OutOfTimeError("too little time left to begin this event; it will be received again")
        try:
            with self._database.transaction(timeout_ms=timeout_ms) as db:
                if db.execute(_REMEMBER, (self._worker, event.id)).rowcount == 0:
                    return "EventDuplicate"
                with self._logger.append_context_keys(event_id=event.id, webhook=event.type):
                    self._handle(thin.whole(event, db), db)
        except DatabaseUnavailableError as error:
            self._unavailable = error
            raise
        return "EventProcessed"


def describe(error: Exception) -> dict[str, Any]:
    """Describe an error for the log without the rows that Postgres quotes in DETAIL and CONTEXT."""
    described: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, psycopg.Error):
        described |= {
            "sqlstate": error.sqlstate,
            "reason": error.diag.message_primary,
            "constraint": error.diag.constraint_name,
        }
    elif isinstance(error, BridgeError):
        described["reason"] = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    described["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return described
