"""The function, with this house's defaults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.code.source import Source
from stacks.context import StageContext
from stacks.log_group import LogGroup
from stacks.metrics import namespace

# Metadata of the resource.
TABLES = "Tables"
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
class FunctionProps:
    """One function's own properties.

    Attributes:
        source: what runs.
        description: shown in the console.
        memory: MiB.
        timeout: of one invocation, in seconds.
        environment: besides what every function has.
        name: in AWS; None: CloudFormation makes one.
        reaches_supabase: runs in the stage's subnets, if there are any.
        max_concurrency: instances at a time; 0: what the account has.
        snap_start: start from a snapshot.
        provisioned_concurrency: instances that are kept started.
        always_by_alias: let `invoked` stay the same name, whatever is prepared now or later.
    """

    source: Source
    description: str
    memory: int
    timeout: int
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    reaches_supabase: bool = True
    max_concurrency: int = 0
    snap_start: bool = False
    provisioned_concurrency: int = 0
    always_by_alias: bool = False


class Function(lambda_.Function):
    """A source as a function; its role and logs stand beside it in the scope.

    Attributes:
        name: the one that it was given, if any.
        invoked: what invokes it must name this: the function, or its alias where instances are prepared.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, context: StageContext, props: FunctionProps
    ) -> None:
        """Make it."""
        self.name = props.name
        log_group = LogGroup(scope, f"{construct_id}Logs", context=context)
        role = function_role(scope, f"{construct_id}Role", log_group=log_group)
        with props.source.staged() as staged:
            super().__init__(
                scope,
                construct_id,
                code=staged.code(),
                handler=props.source.handler,
                runtime=props.source.runtime,
                architecture=context.architecture,
                description=props.description,
                function_name=props.name,
                environment={
                    "POWERTOOLS_SERVICE_NAME": props.source.name,
                    "POWERTOOLS_METRICS_NAMESPACE": namespace(context.stage_name),
                    **props.environment,
                },
                layers=[context.layer] if props.source.python else None,
                log_group=log_group,
                logging_format=lambda_.LoggingFormat.JSON,
                memory_size=props.memory,
                reserved_concurrent_executions=props.max_concurrency or None,
                role=role,
                snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if props.snap_start else None,
                timeout=Duration.seconds(props.timeout),
                tracing=lambda_.Tracing.ACTIVE,
            )
        if props.source.tables:
            # Where people and reviews see them.
            self._resource.add_metadata(TABLES, json.loads(json.dumps(props.source.tables)))
        if props.reaches_supabase and context.stage.subnets:
            self._enter_network(context, role)
        # Only a version has a snapshot or instances kept for it.
        by_alias = props.snap_start or props.provisioned_concurrency or props.always_by_alias
        self.invoked: lambda_.IFunction = self._alias(props.provisioned_concurrency) if by_alias else self

    @property
    def _resource(self) -> lambda_.CfnFunction:
        return cast("lambda_.CfnFunction", self.node.default_child)

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

    def _enter_network(self, context: StageContext, role: iam.Role) -> None:
        # By ids alone: the L2 property wants the VPC, its zones and route tables, which synth would look up.
        self._resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(context.stage.subnets), security_group_ids=list(context.stage.security_groups)
        )
        role.add_to_policy(iam.PolicyStatement(actions=_NETWORK_ACTIONS, resources=["*"]))
        # Lambda checks the right when it creates the function.
        self.node.add_dependency(role)


def function_role(scope: Construct, construct_id: str, *, log_group: LogGroup) -> iam.Role:
    """Make a role that may write to one log group, where AWS's managed policy allows all of them."""
    role = iam.Role(scope, construct_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    acknowledge(
        role,
        "AwsSolutions-IAM5[Resource::*]",
        "Traces, and network interfaces of functions in a VPC, have no resources that a policy could name.",
    )
    return role
