"""The function, with this house's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.log_group import LogGroup
from stacks.constructs.source import Source
from stacks.metrics import namespace

# What Lambda needs for network interfaces in a VPC; the actions that AWS's managed policy has for it.
_NETWORK_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


@dataclass(frozen=True, kw_only=True)
class FunctionDefaults:
    """What all functions of a stage have in common."""

    stage: str
    layer: lambda_.ILayerVersion
    architecture: lambda_.Architecture
    log_retention: int
    removal: RemovalPolicy
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    key: kms.IKey | None = None


class Function(lambda_.Function):
    """A source as a function.

    Attributes:
        invoked: what invokes it must name this: the function, or its alias where instances are prepared.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        defaults: FunctionDefaults,
        description: str,
        environment: Mapping[str, str],
        memory: int,
        timeout: Duration,
        reaches_supabase: bool = True,
        max_concurrency: int = 0,
        snap_start: bool = False,
        provisioned_concurrency: int = 0,
        always_by_alias: bool = False,
    ) -> None:
        """Make it.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            source: what runs.
            defaults: the stage's.
            description: shown in the console.
            environment: besides what every function has.
            memory: MiB.
            timeout: of one invocation.
            reaches_supabase: runs in the stage's subnets, if there are any.
            max_concurrency: instances at a time; 0: what the account has.
            snap_start: start from a snapshot.
            provisioned_concurrency: instances that are kept started.
            always_by_alias: let `invoked` stay the same name, whatever is prepared now or later.
        """
        log_group = LogGroup(
            scope,
            f"{construct_id}Logs",
            days=defaults.log_retention,
            removal=defaults.removal,
            key=defaults.key,
        )
        role = function_role(scope, f"{construct_id}Role", log_group=log_group)
        with source.staged() as staged:
            super().__init__(
                scope,
                construct_id,
                code=staged.code(),
                handler=source.handler,
                runtime=source.runtime,
                architecture=defaults.architecture,
                description=description,
                environment={
                    "POWERTOOLS_SERVICE_NAME": source.name,
                    "POWERTOOLS_METRICS_NAMESPACE": namespace(defaults.stage),
                    **environment,
                },
                layers=[defaults.layer] if source.python else None,
                log_group=log_group,
                logging_format=lambda_.LoggingFormat.JSON,
                memory_size=memory,
                reserved_concurrent_executions=max_concurrency or None,
                role=role,
                snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
                timeout=timeout,
                tracing=lambda_.Tracing.ACTIVE,
            )
        if reaches_supabase and defaults.subnets:
            self._enter(defaults, role)
        # Only a version has a snapshot or instances kept for it.
        by_alias = snap_start or provisioned_concurrency or always_by_alias
        self.invoked: lambda_.IFunction = self._alias(provisioned_concurrency) if by_alias else self

    def _alias(self, provisioned_concurrency: int) -> lambda_.Alias:
        acknowledge(
            self,
            "Annotation::@aws-cdk/aws-lambda:snapStartRequirePublish",
            "The alias names a published version.",
        )
        return lambda_.Alias(
            self,
            "Live",
            alias_name="live",
            version=self.current_version,
            provisioned_concurrent_executions=provisioned_concurrency or None,
        )

    def _enter(self, defaults: FunctionDefaults, role: iam.Role) -> None:
        # By ids alone: the L2 property wants the VPC, its zones and route tables, which synth would look up.
        cast(
            "lambda_.CfnFunction", self.node.default_child
        ).vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(defaults.subnets), security_group_ids=list(defaults.security_groups)
        )
        role.add_to_policy(iam.PolicyStatement(actions=_NETWORK_ACTIONS, resources=["*"]))
        # Lambda checks the right when it creates the function.
        self.node.add_dependency(role)


def function_role(scope: Construct, construct_id: str, *, log_group: LogGroup) -> iam.Role:
    """A role that may write to one log group, where AWS's managed policy allows all of them."""
    role = iam.Role(scope, construct_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    acknowledge(
        role,
        "AwsSolutions-IAM5[Resource::*]",
        "Traces, and network interfaces of functions in a VPC, have no resources that a policy could name.",
    )
    return role
