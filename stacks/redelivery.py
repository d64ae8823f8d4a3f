"""What makes delivery certain: where redelivery delivers to, and what it may do."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.encryption import WRITE, let_use
from stacks.constructs.function import FunctionDefaults
from stacks.constructs.redelivery import Redelivery
from stacks.constructs.source import Sources
from stacks.constructs.worker_queue import queue_urls
from stacks.entries import Entries
from stacks.environment_size import check_environment_size
from stacks.names import queue_name, target_entry
from stacks.settings import Settings

_SOURCE = Path(__file__).parents[1] / "lambda_src" / "redeliver"


def make_redelivery(  # noqa: PLR0913 - all but two by name
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    sources: Sources,
    defaults: FunctionDefaults,
    entries: Entries,
    queues: Mapping[str, sqs.Queue],
) -> Redelivery:
    """Make it, and let it send to the queues of workers.

    Raises:
        SettingsError: more is declared than a function's environment holds.
    """
    signing = [target_entry(target.name) for target in settings.targets]
    redelivery = Redelivery(
        scope,
        construct_id,
        source=sources.python(_SOURCE),
        defaults=defaults,
        environment=_environment(scope, settings, queues, entries.variables(signing)),
        queue_name=queue_name(settings.stage, "redeliver"),
    )
    entries.give(redelivery.function, ["database", *signing])
    for queue in queues.values():
        queue.grant(redelivery.function, "sqs:SendMessage")
    let_use(redelivery.function, defaults.key, service="sqs", actions=WRITE)
    return redelivery


def _environment(
    scope: Construct, settings: Settings, queues: Mapping[str, sqs.Queue], names: Mapping[str, str]
) -> dict[str, str]:
    targets = {
        target.name: {"url": target.url, "timeout": target.timeout}
        | ({"ordered": True} if target.name in settings.ordered_targets else {})
        for target in settings.targets
    }
    environment = {
        "QUEUES": queue_urls(scope, queues),
        "TARGETS": json.dumps(targets, separators=(",", ":")),
        "ALLOWED_TARGET_RANGES": json.dumps(settings.environment.allowed_target_ranges),
    }
    check_environment_size(
        environment | dict(names),
        stack=Stack.of(scope),
        of="redelivery",
        remedy="Declare fewer workers and targets, or shorten their names and addresses.",
    )
    return environment
