"""Redelivery: what makes delivery certain, by schedule or when the database rings."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.encryption import queue_encryption
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.source import Source
from stacks.constructs.worker_queue import visibility_timeout

INTERVAL = Duration.minutes(1)
_TIMEOUT = Duration.minutes(1)
_WOKEN_AT_A_TIME = 2
# Besides those that are woken, the one of the schedule.
MAX_CONCURRENCY = _WOKEN_AT_A_TIME + 1


class Redelivery(Construct):
    """The function, its schedule, and the wake queue that a ring of the database is put into.

    Attributes:
        function: moves due messages from the outbox to their targets.
        wake_queue: a message in it wakes the function.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        defaults: FunctionDefaults,
        environment: Mapping[str, str],
        queue_name: str,
    ) -> None:
        """Make it."""
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            source=source,
            defaults=defaults,
            description="Delivers what is due in the database's outbox",
            environment=environment,
            memory=512,
            timeout=_TIMEOUT,
        )
        # A missed minute needs no repetition: the next one takes what is due.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=INTERVAL)
        self.wake_queue = sqs.Queue(
            self,
            "WakeQueue",
            queue_name=queue_name,
            **queue_encryption(defaults.key),
            enforce_ssl=True,
            visibility_timeout=visibility_timeout(_TIMEOUT),
            retention_period=visibility_timeout(_TIMEOUT),
        )
        self.function.add_event_source(
            event_sources.SqsEventSource(self.wake_queue, batch_size=10, max_concurrency=_WOKEN_AT_A_TIME)
        )
        schedule = events.Rule(
            self,
            "Schedule",
            schedule=events.Schedule.rate(INTERVAL),
            targets=[targets.LambdaFunction(self.function, retry_attempts=0, max_event_age=INTERVAL)],
        )
        self._acknowledge(schedule)

    def _acknowledge(self, schedule: events.Rule) -> None:
        next_minute = (
            "A run or a ring that is lost is made up for a minute later: what is due stays in the outbox."
        )
        acknowledge(self.wake_queue, "AwsSolutions-SQS3", next_minute)
        acknowledge(self.wake_queue, "Serverless-SQSRedrivePolicy", next_minute)
        acknowledge(self.function, "Serverless-LambdaDLQ", next_minute)
        acknowledge(self.function, "Serverless-LambdaAsyncFailureDestination", next_minute)
        acknowledge(self.function, "Serverless-LambdaEventSourceMappingDestination", next_minute)
        acknowledge(schedule, "Serverless-EventBusDLQ", next_minute)
