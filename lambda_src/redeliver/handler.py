"""The Lambda function that is invoked by a schedule and by the wake queue."""

import functools
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from psycopg import IsolationLevel

from bridge import environment
from bridge.database import Database
from redeliver.client import Client
from redeliver.outbox import Outbox, Waiting
from redeliver.posting import LANES
from redeliver.running import PRUNE_SECONDS, Run, Summary
from redeliver.settings import Settings

_logger = Logger()
_metrics = Metrics()


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(environment.variables())


@functools.cache
def outbox() -> Outbox:
    known = settings()
    database = Database(
        known.database_secret_id,
        tls=known.database_tls,
        application_name="redeliver",
        # Where serializable is the default, what is recorded here would fail writes beside it.
        isolation=IsolationLevel.READ_COMMITTED,
    )
    return Outbox(database)


@functools.cache
def client() -> Client:
    return Client(allowed_ranges=settings().allowed_target_ranges, connections=LANES)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver what is due.

    Args:
        event: SQS records when the database rang; anything else is the schedule, which also prunes.
        context: Lambda's.

    Returns:
        What the run did and what is left. An error, such as a database out of reach, is raised.
    """
    rung = "Records" in event
    known = settings()
    run = Run(outbox(), known.queues, known.targets, client(), context.get_remaining_time_in_millis)
    if not rung:
        # Before as well: where there is always something to deliver, no time is left afterwards.
        run.prune(seconds=PRUNE_SECONDS)
    run.redeliver(rung=rung)
    if not rung:
        run.prune()
    waiting = run.waiting()
    _publish(run.summary, waiting)
    summary = {"rung": rung, **asdict(run.summary), **(waiting._asdict() if waiting else {})}
    summary["broken"] = sorted(run.summary.broken)
    _logger.info("redelivery done", extra=summary)
    return summary | {"batchItemFailures": []}


def _publish(summary: Summary, waiting: Waiting | None) -> None:
    if waiting is not None:
        _metrics.add_metric("Backlog", MetricUnit.Count, waiting.pending)
        _metrics.add_metric("OldestMessageAge", MetricUnit.Seconds, waiting.oldest_seconds)
        _metrics.add_metric("DeadMessages", MetricUnit.Count, waiting.dead)
        _metrics.add_metric("Paused", MetricUnit.Count, waiting.paused)
        _metrics.add_metric("MissingTriggers", MetricUnit.Count, waiting.missing_triggers)
        _metrics.add_metric("Problems", MetricUnit.Count, waiting.problems)
    _metrics.add_metric("BrokenSteps", MetricUnit.Count, len(summary.broken))
    _metrics.add_metric("Settled", MetricUnit.Count, summary.settled)
    _metrics.add_metric("Redelivered", MetricUnit.Count, summary.redelivered)
    _metrics.add_metric("Posted", MetricUnit.Count, summary.posted)
    _metrics.add_metric("RedeliveryFailed", MetricUnit.Count, summary.failed + summary.settled_failed)
    _metrics.flush_metrics()
