"""A batch of SQS records, each an event: one log line and one count for each, and a retry for what failed."""

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge import retries
from bridge.errors import OutOfTimeError, PoolerFullError
from bridge.events import Event
from bridge.failures import describe

PROCESSED = "EventProcessed"
DUPLICATE = "EventDuplicate"
FAILED = "EventFailed"
# The longest that a transaction of the batch took to begin: to connect, and to be given a connection.
DATABASE_WAIT = "DatabaseWait"

# An event needs some time to be worth beginning, and the function some to report what became of its batch.
MIN_EVENT_MS = 1_000
REPORT_MS = 1_000

# Takes an event and its queue message; returns PROCESSED or DUPLICATE, raises whatever makes it fail.
Process = Callable[[Event, str], str]


class Batches:
    """Answers the invocations of one worker's function.

    Args:
        worker: its name, in logs and metrics.
        queue_url: where its events come from.
        outage: the error that says that no event can be processed for now.
    """

    def __init__(self, worker: str, queue_url: str, *, outage: type[Exception]) -> None:
        self._worker = worker
        self._queue_url = queue_url
        self._outage = outage
        self._longest_wait_ms = 0.0

    @functools.cached_property
    def logger(self) -> Logger:
        return Logger(service=self._worker)

    @functools.cached_property
    def _metrics(self) -> Metrics:
        # Without a service there is one dimension: metrics of a worker are found by its name alone.
        return Metrics(service="")

    def answer(self, batch: dict[str, Any], context: LambdaContext, process: Process) -> dict[str, Any]:
        """Process each record of a batch, and let those that failed be received again after their delay.

        Returns:
            The records that failed, as `ReportBatchItemFailures` wants them.
        """
        run = _Run(process, self.logger, self._outage)
        # A batch that fails as a whole is reported record by record too, so that it isn't logged as a crash.
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        try:
            answer = dict(process_partial_response(batch, run.process, processor, context))
            retries.schedule(self._queue_url, run.failed)
            retries.schedule(self._queue_url, run.postponed, delay=run.outage_delay_seconds)
            return answer
        finally:
            self._publish(run.outcomes)

    @contextlib.contextmanager
    def waiting_for_database(self) -> Iterator[None]:
        """Measure how long an event's transaction takes to begin, also where it can't."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._longest_wait_ms = max(self._longest_wait_ms, (time.perf_counter() - began) * 1_000)

    def _publish(self, outcomes: Counter[str]) -> None:
        if not outcomes:
            return
        self._metrics.add_dimension("worker", self._worker)
        for name, count in outcomes.items():
            self._metrics.add_metric(name, MetricUnit.Count, count)
        if self._longest_wait_ms:
            self._metrics.add_metric(DATABASE_WAIT, MetricUnit.Milliseconds, round(self._longest_wait_ms, 1))
            self._longest_wait_ms = 0.0
        self._metrics.flush_metrics()


def event_timeout_ms(context: LambdaContext) -> int:
    """Return the milliseconds that one more event may take.

    Raises:
        OutOfTimeError: too few.
    """
    left = context.get_remaining_time_in_millis() - REPORT_MS
    if left < MIN_EVENT_MS:
        raise OutOfTimeError("too little time left to begin this event; it will be received again")
    return left


class _Run:
    """One invocation: what became of its events so far, and whether more of them can be processed."""

    def __init__(self, process: Process, logger: Logger, outage: type[Exception]) -> None:
        self._process = process
        self._logger = logger
        self._outage = outage
        self._failed_by: Exception | None = None
        self.outcomes: Counter[str] = Counter()
        self.failed: list[dict[str, Any]] = []
        self.postponed: list[dict[str, Any]] = []

    def process(self, record: dict[str, Any]) -> None:
        """Process one SQS record; raises whatever makes it fail."""
        fields: dict[str, Any] = {"sqs_message_id": record["messageId"]}
        try:
            event = Event.parse(record["body"])
            known = {"message_id": event.message_id, "event_id": event.id, "webhook": event.type}
            fields |= known
            with self._logger.append_context_keys(**known):
                outcome = self._attempt(event, record["body"])
        except Exception as error:
            self.outcomes[FAILED] += 1
            self._logger.error("event failed", extra=fields | describe(error))  # noqa: TRY400  # see describe
            if isinstance(error, self._outage):
                self._failed_by = error
                self.postponed.append(record)
            elif not isinstance(error, OutOfTimeError):
                self.failed.append(record)
            raise
        self.outcomes[outcome] += 1
        self._logger.info("event processed" if outcome == PROCESSED else "duplicate skipped", extra=fields)

    def outage_delay_seconds(self, receive_count: int) -> int:
        """Return the seconds until an event is received again that was postponed."""
        if isinstance(self._failed_by, PoolerFullError):
            return retries.full_pooler_delay_seconds(receive_count)
        return retries.outage_delay_seconds(receive_count)

    def _attempt(self, event: Event, body: str) -> str:
        if self._failed_by:
            # Each further attempt would take seconds from the same invocation.
            raise self._failed_by
        return self._process(event, body)
