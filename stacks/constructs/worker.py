"""A worker: its queue, and the function that the queue invokes."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.function import Function, FunctionDefaults
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
        folder: Path,
        defaults: FunctionDefaults,
        environment: Mapping[str, str],
        queue_name: str,
        memory: int,
        timeout: int,
        max_concurrency: int,
        batch_size: int,
        max_attempts: int,
    ) -> None:
        """Make it; `memory` in MiB, `timeout` in seconds."""
        super().__init__(scope, construct_id)
        self.queue = WorkerQueue(
            self,
            "Events",
            name=queue_name,
            function_timeout=Duration.seconds(timeout),
            max_attempts=max_attempts,
        )
        self.function = Function(
            self,
            "Function",
            folder=folder,
            defaults=defaults,
            description=f"Worker {folder.name}: handles the events of its queue",
            environment={"WORKER": folder.name, "QUEUE_URL": self.queue.queue.queue_url, **environment},
            memory=memory,
            timeout=Duration.seconds(timeout),
        )
        self.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue.queue,
                batch_size=batch_size,
                max_concurrency=max_concurrency,
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
