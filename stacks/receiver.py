"""The function that webhooks come to, and which webhook goes into which queues."""

from collections.abc import Mapping

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledge import acknowledge_synchronous
from stacks.context import StageContext
from stacks.encryption import WRITE, let_use
from stacks.entries import SIGNING
from stacks.function import Function, FunctionProps
from stacks.queues import queue_address, queue_names

_WAKE = "redeliver"


class Receiver(Function):
    """Verifies messages and puts their events into the queues of workers."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        context: StageContext,
        queues: Mapping[str, sqs.Queue],
        wake_queue: sqs.Queue,
    ) -> None:
        """Make it, and let it send to the queues that it needs.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            context: the stage's.
            queues: the workers', by their names.
            wake_queue: a message in it wakes redelivery.
        """
        settings = context.settings
        # Only redelivery puts events into queues that keep an order: requests arrive in any.
        in_any_order = {name: queue for name, queue in queues.items() if name not in settings.ordered_targets}
        reached = {**in_any_order, _WAKE: wake_queue}
        webhooks = {
            webhook.name: queued
            for webhook in settings.webhooks
            if (queued := [target for target in webhook.targets if target in in_any_order])
        }
        tables = {
            "WEBHOOKS": {**webhooks, "bridge.ping": [], "bridge.ring": [_WAKE]},
            "QUEUES": queue_names(reached),
            "ALLOWED_SOURCE_RANGES": settings.stage.allowed_source_ranges,
        }
        super().__init__(
            scope,
            construct_id,
            context=context,
            props=FunctionProps(
                source=context.bridge_source("receive_webhook", tables=tables),
                description="Verifies messages and puts their events into queues",
                environment={"QUEUE_ADDRESS": queue_address(wake_queue)},
                memory=512,
                timeout=15,
                max_concurrency=settings.stage.receiver_concurrency,
                reaches_supabase=False,
            ),
        )
        acknowledge_synchronous(self, "API Gateway")
        context.entries.give(self, [SIGNING])
        for queue in reached.values():
            queue.grant(self, "sqs:SendMessage")
        let_use(self, context.key, service="sqs", actions=WRITE)
