"""Redelivery: what makes delivery certain, by schedule or when the database rings."""

import json
from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.context import StageContext
from stacks.encryption import WRITE, let_use, queue_encryption
from stacks.environment_size import check_environment_size
from stacks.function import Function, FunctionProps
from stacks.names import queue_name, target_entry
from stacks.settings import Settings
from stacks.workers import queue_urls, visibility_timeout

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
        """Make it, and let it send to the queues of workers.

        Raises:
            SettingsError: more is declared than a function's environment holds.
        """
        super().__init__(scope, construct_id)
        settings = context.settings
        signing = [target_entry(target.name) for target in settings.targets]
        self.function = Function(
            self,
            "Function",
            context=context,
            props=FunctionProps(
                source=context.bridge_source("redeliver"),
                description="Delivers what is due in the database's outbox",
                environment=_environment(self, settings, queues, context.entries.variables(signing)),
                memory=512,
                timeout=_TIMEOUT,
            ),
        )
        # A missed minute needs no repetition: the next one takes what is due.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=INTERVAL)
        self.wake_queue = self._make_wake_queue(context)
        schedule = events.Rule(
            self,
            "Schedule",
            schedule=events.Schedule.rate(INTERVAL),
            targets=[targets.LambdaFunction(self.function, retry_attempts=0, max_event_age=INTERVAL)],
        )
        self._acknowledge(schedule)
        context.entries.give(self.function, ["database", *signing])
        for queue in queues.values():
            queue.grant(self.function, "sqs:SendMessage")
        let_use(self.function, context.key, service="sqs", actions=WRITE)

    def _make_wake_queue(self, context: StageContext) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "WakeQueue",
            queue_name=queue_name(context.stage_name, "redeliver"),
            **queue_encryption(context.key),
            enforce_ssl=True,
            visibility_timeout=visibility_timeout(_TIMEOUT),
            retention_period=visibility_timeout(_TIMEOUT),
        )
        self.function.add_event_source(
            event_sources.SqsEventSource(queue, batch_size=10, max_concurrency=_WOKEN_AT_A_TIME)
        )
        return queue

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


def _environment(
    scope: Construct, settings: Settings, queues: Mapping[str, sqs.Queue], names: Mapping[str, str]
) -> dict[str, str]:
    posted = {
        target.name: {"url": target.url, "timeout": target.timeout}
        | ({"ordered": True} if target.name in settings.ordered_targets else {})
        for target in settings.targets
    }
    environment = {
        "QUEUES": queue_urls(scope, queues),
        "TARGETS": json.dumps(posted, separators=(",", ":")),
        "ALLOWED_TARGET_RANGES": json.dumps(settings.stage.allowed_target_ranges),
    }
    check_environment_size(
        environment | dict(names),
        stack=Stack.of(scope),
        of="redelivery",
        remedy="Declare fewer workers and targets, or shorten their names and addresses.",
    )
    return environment
