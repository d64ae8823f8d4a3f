"""Redelivery: what makes delivery certain, by schedule or when the database rings."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.context import StageContext
from stacks.encryption import WRITE, let_use, queue_encryption
from stacks.entries import secret_ids_of_targets
from stacks.function import Function, FunctionProps
from stacks.names import queue_name, target_entry
from stacks.queues import queue_address, queue_names, visibility_timeout

INTERVAL = Duration.minutes(1)
_TIMEOUT = 60
_WOKEN_AT_A_TIME = 2
# Besides those that are woken, the one of the schedule.
MAX_CONCURRENCY = _WOKEN_AT_A_TIME + 1


class Redelivery(Construct):
    """The function, its schedule, and the wake queue that a ring of the database is put into.

    Attributes:
        function: moves due messages from the outbox to their targets.
        wake_queue: a message in it wakes the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        context: StageContext,
        queues: Mapping[str, sqs.Queue],
    ) -> None:
        """Make it, and let it send to the queues of workers."""
        super().__init__(scope, construct_id)
        self.wake_queue = sqs.Queue(
            self,
            "WakeQueue",
            queue_name=queue_name(context.stage_name, "redeliver"),
            **queue_encryption(context.key),
            enforce_ssl=True,
            visibility_timeout=visibility_timeout(_TIMEOUT),
            retention_period=visibility_timeout(_TIMEOUT),
        )
        self.function = Function(
            self,
            "Function",
            context=context,
            props=FunctionProps(
                source=context.bridge_source("redeliver", tables=_tables(context, queues)),
                description="Delivers what is due in the database's outbox",
                environment={"QUEUE_ADDRESS": queue_address(self.wake_queue)},
                memory=512,
                timeout=_TIMEOUT,
            ),
        )
        # A missed minute needs no repetition: the next one takes what is due.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=INTERVAL)
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
        context.entries.give(self.function, ["database"])
        signing = [target_entry(target.name) for target in context.settings.targets]
        context.entries.let_read(self.function, signing)
        for queue in queues.values():
            queue.grant(self.function, "sqs:SendMessage")
        let_use(self.function, context.key, service="sqs", actions=WRITE)

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


def _tables(context: StageContext, queues: Mapping[str, sqs.Queue]) -> dict[str, Any]:
    """Tell where redelivery delivers to."""
    settings, secret_ids = context.settings, secret_ids_of_targets(context.settings)
    posted = {
        target.name: {
            "url": target.url,
            "timeout": target.timeout,
            "secret_id": secret_ids[target.name],
            **({"ordered": True} if target.name in settings.ordered_targets else {}),
        }
        for target in settings.targets
    }
    return {
        "QUEUES": queue_names(queues),
        "TARGETS": posted,
        "ALLOWED_TARGET_RANGES": settings.stage.allowed_target_ranges,
    }
