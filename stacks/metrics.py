"""What the bridge and AWS measure of a stage, by name."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from stacks.queues import given_name

# Redelivery publishes once a run, SQS and Lambda once a minute.
PERIOD = Duration.minutes(1)
# The receiver's answers, counted from its log.
ANSWERS = "WebhookAnswers"


def outbox_metric(stage: str, name: str, *, statistic: str = cloudwatch.Stats.MAXIMUM) -> cloudwatch.Metric:
    """What redelivery publishes at the end of each run, such as "Backlog"."""
    return _own(stage, name, {"service": "redeliver"}, statistic)


def outcome_metric(stage: str, name: str, *, worker: str) -> cloudwatch.Metric:
    """What a worker publishes of its events: "EventProcessed", "EventDuplicate" or "EventFailed"."""
    return _own(stage, name, {"worker": worker}, cloudwatch.Stats.SUM)


def wait_metric(stage: str, *, worker: str) -> cloudwatch.Metric:
    """How long a worker waits for a connection to Postgres: milliseconds, the longest of each batch."""
    return _own(stage, "DatabaseWait", {"worker": worker}, cloudwatch.Stats.percentile(95))


def answer_metric(stage: str, *, status: int) -> cloudwatch.Metric:
    """How many webhooks the receiver answered with a status."""
    return _own(stage, ANSWERS, {"status": str(status)}, cloudwatch.Stats.SUM)


def queue_metric(queue: sqs.Queue, name: str) -> cloudwatch.Metric:
    """A metric of a queue, by the name that it was given.

    A weak reference would keep the old name when a queue is replaced by one of another name.
    """
    return cloudwatch.Metric(
        namespace="AWS/SQS",
        metric_name=name,
        dimensions_map={"QueueName": given_name(queue)},
        statistic=cloudwatch.Stats.MAXIMUM,
        period=PERIOD,
    )


def namespace(stage: str) -> str:
    """Return where a stage's own metrics are."""
    return f"ExternalCompute/{stage}"


def _own(stage: str, name: str, dimensions: dict[str, str], statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace(stage),
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=PERIOD,
    )
