"""What is deployed into Postgres: the schema, and the declaration that its triggers follow."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from constructs import Construct, IDependable

from stacks.constructs.database_bridge import DatabaseBridge, hash_of_sql
from stacks.constructs.function import FunctionDefaults
from stacks.constructs.source import Sources
from stacks.entries import SIGNING, Entries
from stacks.names import target_entry
from stacks.settings import Settings

_ROOT = Path(__file__).parents[1]
_SOURCE = _ROOT / "lambda_src" / "apply_sql"
_SQL = _ROOT / "sql"


def make_database_bridge(  # noqa: PLR0913 - all but two by name
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    sources: Sources,
    defaults: FunctionDefaults,
    entries: Entries,
    webhook_url: str,
    after: Sequence[IDependable],
) -> DatabaseBridge:
    """Make the custom resource that applies the SQL.

    Args:
        scope: what it belongs to.
        construct_id: within the scope.
        settings: the stage's.
        sources: of functions.
        defaults: of functions.
        entries: of Secrets Manager.
        webhook_url: where the database posts to.
        after: whatever a message needs: with the triggers come messages. It is there first, and removed last.
    """
    stack = Stack.of(scope)
    bridge = DatabaseBridge(
        scope,
        construct_id,
        source=sources.python(_SOURCE, beside={"sql": _SQL}),
        sql_hash=hash_of_sql(_SQL),
        defaults=defaults,
        environment={},
        declaration=json.dumps(declaration(settings, webhook_url)),
        owner=f"{stack.account}/{stack.region}/{stack.stack_name}",
        adopt=settings.environment.adopt,
        ping=settings.environment.ping,
    )
    signing = [target_entry(target.name) for target in settings.targets]
    entries.give(bridge.function, ["database-direct", SIGNING, *signing])
    bridge.resource.node.add_dependency(*after)
    return bridge


def declaration(settings: Settings, webhook_url: str) -> dict[str, Any]:
    """Return what bridge.sync takes (sql/14_sync.sql)."""
    stage = settings.environment
    return {
        "webhook_url": webhook_url,
        "fast_path_grace": stage.fast_path_grace,
        "retention": stage.retention,
        "pause_after": stage.pause_after,
        "targets": [
            target | {"ordered": target["name"] in settings.ordered_targets} for target in _targets(settings)
        ],
        "webhooks": [
            webhook.model_dump(mode="json", exclude={"target"})
            | {
                "targets": webhook.targets,
                # What shares a target with one that is, is ordered with it.
                "ordered": not settings.ordered_targets.isdisjoint(webhook.targets),
            }
            for webhook in settings.webhooks
        ],
    }


def _targets(settings: Settings) -> list[dict[str, Any]]:
    return [
        *({"name": name, "kind": "queue"} for name in settings.workers),
        *(
            {"name": target.name, "kind": "http", "url": target.url, "fast_path": target.fast_path}
            for target in settings.targets
        ),
    ]
