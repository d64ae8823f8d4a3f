"""The database's part of the bridge, as a custom resource."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from aws_cdk import CustomResource, Duration, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge_synchronous
from stacks.constructs.function import Function, FunctionDefaults, function_role
from stacks.constructs.log_group import LogGroup
from stacks.constructs.source import Source

APPLY_TIMEOUT = Duration.minutes(10)
# How long CloudFormation waits for an answer: longer than the function takes, so that its own error arrives.
_ANSWER_TIMEOUT = Duration.minutes(12)


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
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::SupabaseBridge",
            service_token=self._provider(defaults).service_token,
            service_timeout=_ANSWER_TIMEOUT,
            properties={
                "Declaration": declaration,
                "SqlHash": sql_hash,
                "Owner": owner,
                "Ping": ping,
                **({"Adopt": adopt} if adopt else {}),
            },
        )

    def _provider(self, defaults: FunctionDefaults) -> custom_resources.Provider:
        log_group = LogGroup(self, "ProviderLogs", days=defaults.log_retention, removal=defaults.removal)
        role = function_role(self, "ProviderRole", log_group=log_group)
        # The framework would allow itself every version of the function; it calls the function itself only.
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction", "lambda:GetFunction"],
                resources=[self.function.function_arn],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
            )
        )
        provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=self.function,
            framework_on_event_role=role.without_policy_updates(),
            # It logs each event, the pre-signed address of the answer taken out, from level INFO on.
            framework_lambda_logging_level=lambda_.ApplicationLogLevel.FATAL,
            log_group=log_group,
        )
        framework = cast("lambda_.Function", provider.node.find_child("framework-onEvent"))
        resource = cast("lambda_.CfnFunction", framework.node.default_child)
        resource.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")
        resource.memory_size = 128
        for function in (self.function, framework):
            acknowledge_synchronous(function, "CloudFormation")
        return provider


def hash_of_sql(folder: Path) -> str:
    """SHA-256 of the names and contents of the .sql files, hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.sql")):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
