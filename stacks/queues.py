"""Address of a stage's queues, and the time that a received message stays hidden."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import Duration, Fn
from aws_cdk import aws_sqs as sqs

# "at least six times the timeout of your function": Lambda developer guide, "Using Lambda with Amazon SQS".
VISIBILITY_FACTOR = 6


def visibility_timeout(function_timeout: int) -> Duration:
    """Return how long a received message stays hidden; `function_timeout` in seconds."""
    return Duration.seconds(VISIBILITY_FACTOR * function_timeout)


def given_name(queue: sqs.Queue) -> str:
    """Return the name that a queue was given, where the L2 property would refer to the resource."""
    return str(cast("sqs.CfnQueue", queue.node.default_child).queue_name)


def queue_names(queues: Mapping[str, sqs.Queue]) -> dict[str, str]:
    """Return the names of queues by those of workers."""
    return {name: given_name(queue) for name, queue in queues.items()}


def queue_address(queue: sqs.Queue) -> str:
    """Return what the URLs of all queues begin with, whatever the region, partition and endpoint."""
    return Fn.select(0, Fn.split(given_name(queue), queue.queue_url))
