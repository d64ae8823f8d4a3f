"""A worker: its queue, and the function that the queue invokes."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.source import Source
from stacks.constructs.worker_queue import WorkerQueue


class Worker(Construct):
    """Handles the events of its queue in batches; only those that failed return to the queue.

    Attributes:
        queue: the construct with the queue and its dead letters.
        function: runs the worker's folder.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        source: Source,
        defaults: FunctionDefaults,
        environment: Mapping[str, str],
        queue_name: str,
        memory: int,
        timeout: int,
        max_concurrency: int,
        batch_size: int,
        max_attempts: int,
        snap_start: bool = False,
        provisioned_concurrency: int = 0,
        reaches_supabase: bool = True,
        ordered: bool = False,
    ) -> None:
        """Make it; `memory` in MiB, `timeout` in seconds; the others as `Function` and the queue say."""
        super().__init__(scope, construct_id)
        self.queue = WorkerQueue(
            self,
            "Events",
            name=queue_name,
            function_timeout=Duration.seconds(timeout),
            max_attempts=max_attempts,
            ordered=ordered,
            key=defaults.key,
        )
        self.function = Function(
            self,
            "Function",
            source=source,
            defaults=defaults,
            description=f"Worker {name}: handles the events of its queue",
            environment={"WORKER": name, "QUEUE_URL": self.queue.queue.queue_url, **environment},
            memory=memory,
            timeout=Duration.seconds(timeout),
            reaches_supabase=reaches_supabase,
            snap_start=snap_start,
            provisioned_concurrency=provisioned_concurrency,
        )
        self.function.invoked.add_event_source(
            event_sources.SqsEventSource(
                self.queue.queue,
                # What waits behind a failing event would run out of attempts with it, were it received too.
                batch_size=1 if ordered else batch_size,
                max_concurrency=max_concurrency or None,
                report_batch_item_failures=True,
            )
        )
        acknowledge(
            self.function,
            "Serverless-LambdaDLQ",
            "Invoked by its queue only, whose dead-letter queue takes what fails.",
        )
        acknowledge(
            self.function,
            "Serverless-LambdaEventSourceMappingDestination",
            "Of a queue's mapping the queue's own dead-letter queue is the destination.",
        )
