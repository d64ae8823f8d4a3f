"""The database's part of the bridge, as a custom resource."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CustomResource, Duration
from constructs import Construct

from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.provider import Provider, answer_timeout
from stacks.constructs.source import Source

APPLY_TIMEOUT = Duration.minutes(10)


class DatabaseBridge(Construct):
    """Schema bridge and the declared triggers, made, changed and removed with the stack.

    Attributes:
        function: applies sql/ and the declaration.
        resource: `Custom::SupabaseBridge`; applied again when a property changes.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        sql_hash: str,
        defaults: FunctionDefaults,
        environment: Mapping[str, str],
        declaration: str,
        owner: str,
        adopt: str | None,
        ping: str,
    ) -> None:
        """Make it.

        Args:
            scope: the stack.
            construct_id: within the scope.
            source: the function's, with sql/ beside it.
            sql_hash: tells when sql/ has changed.
            defaults: the stage's.
            environment: the function's.
            declaration: JSON that `bridge.sync` takes.
            owner: account/region/stack, kept in the database.
            adopt: the present owner that may be replaced.
            ping: "required" or "warn".
        """
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            source=source,
            defaults=defaults,
            description="Applies sql/ and the declared webhooks to the database",
            environment={"SQL_DIRECTORY": "sql", **environment},
            memory=256,
            timeout=APPLY_TIMEOUT,
        )
        provider = Provider(self, "Provider", function=self.function, defaults=defaults)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::SupabaseBridge",
            service_token=provider.service_token,
            service_timeout=answer_timeout(APPLY_TIMEOUT),
            properties={
                "Declaration": declaration,
                "SqlHash": sql_hash,
                "Owner": owner,
                "Ping": ping,
                **({"Adopt": adopt} if adopt else {}),
            },
        )


def hash_of_sql(folder: Path) -> str:
    """SHA-256 of the names and contents of the .sql files, hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.sql")):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
