"""Queues, and where their poison goes."""

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import CfnDeletionPolicy, Duration, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.encryption import queue_encryption

# SQS keeps a message at most this long.
# SQS counts a dead letter's days from when its event was first sent: so many less are left of the fourteen.
KEPT_WAITING = Duration.days(4)
KEPT_LONGEST = Duration.days(14)
# "at least six times the timeout of your function": Lambda developer guide, "Using Lambda with Amazon SQS".
VISIBILITY_FACTOR = 6


def visibility_timeout(function_timeout: Duration) -> Duration:
    """How long a received message stays hidden."""
    return Duration.seconds(VISIBILITY_FACTOR * int(function_timeout.to_seconds()))


class WorkerQueue(Construct):
    """A queue that moves a message which fails too often to its dead-letter queue.

    Attributes:
        queue: what events are sent to.
        dead_letters: what a person looks at, counts and redrives.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function_timeout: Duration,
        max_attempts: int,
        ordered: bool = False,
        key: kms.IKey | None = None,
    ) -> None:
        """Make both.

        Args:
            scope: what they belong to.
            construct_id: within the scope.
            name: the queue's; the dead-letter queue has "-dead-letter" after it.
            function_timeout: of the function that receives.
            max_attempts: how often a message is received before it counts as dead.
            ordered: FIFO, both of them: what is sent with the same group is received in its order.
            key: encrypts what is in them; None: SQS's own.
        """
        super().__init__(scope, construct_id)
        fifo: dict[str, Any] = {
            "fifo": True,
            # So much for each group, not for the queue as a whole.
            "deduplication_scope": sqs.DeduplicationScope.MESSAGE_GROUP,
            "fifo_throughput_limit": sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        }
        fifo = fifo if ordered else {}
        # Composed from its name: the queues name each other, which can't be two references.
        suffix = ".fifo" if ordered else ""
        queue_arn = Stack.of(self).format_arn(service="sqs", resource=f"{name}{suffix}")
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{name}-dead-letter{suffix}",
            **fifo,
            **queue_encryption(key),
            enforce_ssl=True,
            retention_period=KEPT_LONGEST,
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[sqs.Queue.from_queue_arn(self, "Source", queue_arn)],
            ),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=f"{name}{suffix}",
            **fifo,
            **queue_encryption(key),
            enforce_ssl=True,
            retention_period=KEPT_WAITING,
            visibility_timeout=visibility_timeout(function_timeout),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=max_attempts),
        )
        for queue in (self.queue, self.dead_letters):
            # A queue that another one replaces, as with `ordered`, may hold events that nothing else has.
            resource = cast("sqs.CfnQueue", queue.node.default_child)
            resource.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        acknowledge(self.dead_letters, "Serverless-SQSRedrivePolicy", "It is where redriving ends.")


def queue_urls(scope: Construct, queues: Mapping[str, sqs.Queue]) -> str:
    """Return the URLs of queues by their names, as JSON that the deployment completes."""
    return Stack.of(scope).to_json_string({name: queue.queue_url for name, queue in queues.items()})
