"""What is deployed into Postgres: the schema, and the declaration that its triggers follow."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import CustomResource, Stack
from constructs import Construct, IDependable

from stacks.context import ROOT, StageContext
from stacks.entries import SIGNING, secret_ids_of_targets
from stacks.function import Function, FunctionProps
from stacks.names import target_entry
from stacks.provider import Provider, answer_timeout
from stacks.settings import Settings

_SQL = ROOT / "sql"
_TIMEOUT = 600


class Database(Construct):
    """Schema bridge and the declared triggers, made, changed and removed with the stack.

    Attributes:
        function: applies sql/ and the declaration.
        resource: `Custom::SupabaseBridge`; applied again when a property changes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        context: StageContext,
        webhook_url: str,
        after: Sequence[IDependable],
    ) -> None:
        """Make the custom resource that applies the SQL.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            context: the stage's.
            webhook_url: where the database posts to.
            after: whatever a message needs: with the triggers come messages. It is there first, and removed
                last.
        """
        super().__init__(scope, construct_id)
        settings, stack = context.settings, Stack.of(self)
        self.function = Function(
            self,
            "Function",
            context=context,
            props=FunctionProps(
                source=context.bridge_source(
                    "apply_sql",
                    beside={"sql": _SQL},
                    tables={"TARGET_SECRET_IDS": secret_ids_of_targets(settings)},
                ),
                description="Applies sql/ and the declared webhooks to the database",
                environment={"SQL_DIRECTORY": "sql"},
                memory=256,
                timeout=_TIMEOUT,
            ),
        )
        provider = Provider(self, "Provider", function=self.function, context=context)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::SupabaseBridge",
            service_token=provider.service_token,
            service_timeout=answer_timeout(_TIMEOUT),
            properties={
                "Declaration": json.dumps(declaration(settings, webhook_url)),
                "SqlHash": hash_of_sql(_SQL),
                # Kept in the database.
                "Owner": f"{stack.account}/{stack.region}/{stack.stack_name}",
                "Ping": settings.stage.ping,
                # The present owner that may be replaced.
                **({"Adopt": settings.stage.adopt} if settings.stage.adopt else {}),
            },
        )
        context.entries.give(self.function, ["database-direct", SIGNING])
        context.entries.let_read(self.function, [target_entry(target.name) for target in settings.targets])
        self.resource.node.add_dependency(*after)


def declaration(settings: Settings, webhook_url: str) -> dict[str, Any]:
    """Return what bridge.sync takes (sql/14_sync.sql)."""
    stage = settings.stage
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


def hash_of_sql(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of the .sql files, hexadecimal: it tells of changes."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.sql")):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
