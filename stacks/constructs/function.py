"""The Python function, with this house's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.log_group import LogGroup
from stacks.constructs.staging import staged


@dataclass(frozen=True, kw_only=True)
class FunctionDefaults:
    """What all functions of a stage have in common."""

    stage: str
    layer: lambda_.ILayerVersion
    architecture: lambda_.Architecture
    log_retention: int
    removal: RemovalPolicy


class Function(lambda_.Function):
    """A folder as a function: its handler is `<folder>.handler.handler`."""

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        folder: Path,
        defaults: FunctionDefaults,
        description: str,
        environment: Mapping[str, str],
        memory: int,
        timeout: Duration,
        beside: Mapping[str, Path] | None = None,
    ) -> None:
        """Make it.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            folder: the function's package; nothing else is shipped.
            defaults: the stage's.
            description: shown in the console.
            environment: besides what every function has.
            memory: MiB.
            timeout: of one invocation.
            beside: more folders, by the name they have beside the package.
        """
        log_group = LogGroup(
            scope, f"{construct_id}Logs", days=defaults.log_retention, removal=defaults.removal
        )
        role = function_role(scope, f"{construct_id}Role", log_group=log_group)
        with staged({folder.name: folder, **(beside or {})}) as code:
            super().__init__(
                scope,
                construct_id,
                code=lambda_.Code.from_asset(code),
                handler=f"{folder.name}.handler.handler",
                runtime=lambda_.Runtime.PYTHON_3_14,
                architecture=defaults.architecture,
                description=description,
                environment={
                    "POWERTOOLS_SERVICE_NAME": folder.name,
                    "POWERTOOLS_METRICS_NAMESPACE": f"ExternalCompute/{defaults.stage}",
                    **environment,
                },
                layers=[defaults.layer],
                log_group=log_group,
                logging_format=lambda_.LoggingFormat.JSON,
                memory_size=memory,
                role=role,
                timeout=timeout,
                tracing=lambda_.Tracing.ACTIVE,
            )


def function_role(scope: Construct, construct_id: str, *, log_group: LogGroup) -> iam.Role:
    """A role that may write to one log group, where AWS's managed policy allows all of them."""
    role = iam.Role(scope, construct_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    acknowledge(
        role,
        "AwsSolutions-IAM5[Resource::*]",
        "X-Ray's PutTraceSegments and PutTelemetryRecords know no resources.",
    )
    return role
