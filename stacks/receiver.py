"""The function that webhooks come to, and which webhook goes into which queues."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge_synchronous
from stacks.constructs.encryption import WRITE, let_use
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.source import Sources
from stacks.constructs.worker_queue import queue_urls
from stacks.entries import SIGNING, Entries
from stacks.environment_size import check_environment_size
from stacks.settings import Settings

_SOURCE = Path(__file__).parents[1] / "lambda_src" / "receive_webhook"
_WAKE = "redeliver"


def make_receiver(  # noqa: PLR0913 - all but two by name
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    sources: Sources,
    defaults: FunctionDefaults,
    entries: Entries,
    queues: Mapping[str, sqs.Queue],
    wake_queue: sqs.Queue,
) -> Function:
    """Make it, and let it send to the queues that it needs.

    Args:
        scope: what it belongs to.
        construct_id: within the scope.
        settings: the stage's.
        sources: of functions.
        defaults: of functions.
        entries: of Secrets Manager.
        queues: the workers', by their names.
        wake_queue: a message in it wakes redelivery.

    Raises:
        SettingsError: more is declared than a function's environment holds.
    """
    # Only redelivery puts events into queues that keep an order: requests arrive in any.
    in_any_order = {name: queue for name, queue in queues.items() if name not in settings.ordered_targets}
    reached = {**in_any_order, _WAKE: wake_queue}
    receiver = Function(
        scope,
        construct_id,
        source=sources.python(_SOURCE),
        defaults=defaults,
        description="Verifies messages and puts their events into queues",
        environment=_environment(scope, settings, in_any_order, reached),
        memory=512,
        timeout=Duration.seconds(15),
        max_concurrency=settings.environment.receiver_concurrency,
        reaches_supabase=False,
    )
    acknowledge_synchronous(receiver, "API Gateway")
    entries.give(receiver, [SIGNING])
    for queue in reached.values():
        queue.grant(receiver, "sqs:SendMessage")
    let_use(receiver, defaults.key, service="sqs", actions=WRITE)
    return receiver


def _environment(
    scope: Construct,
    settings: Settings,
    in_any_order: Mapping[str, sqs.Queue],
    reached: Mapping[str, sqs.Queue],
) -> dict[str, str]:
    targets = {
        webhook.name: queued
        for webhook in settings.webhooks
        if (queued := [target for target in webhook.targets if target in in_any_order])
    }
    webhooks = {**targets, "bridge.ping": [], "bridge.ring": [_WAKE]}
    environment = {
        "WEBHOOKS": json.dumps(webhooks, separators=(",", ":")),
        "QUEUES": queue_urls(scope, reached),
        "ALLOWED_SOURCE_RANGES": json.dumps(settings.environment.allowed_source_ranges),
    }
    check_environment_size(
        environment,
        stack=Stack.of(scope),
        of="receiver",
        remedy="Shorten the names of webhooks, or declare fewer.",
    )
    return environment
