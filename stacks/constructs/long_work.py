"""Long work: a state machine, of which a worker's queue starts one execution an event."""

from pathlib import Path
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge, acknowledge_synchronous
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.log_group import LogGroup
from stacks.constructs.source import Source


class LongWork(Construct):
    """The state machine of a worker's folder, and the function that its tasks call.

    Attributes:
        state_machine: what is started.
        task: runs the folder's handler; None where it has none.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        definition: Path,
        source: Source | None,
        defaults: FunctionDefaults,
        memory: int,
        timeout: int,
        max_concurrency: int,
        snap_start: bool,
        provisioned_concurrency: int,
    ) -> None:
        """Make it.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            name: the worker's.
            definition: in Amazon States Language; `${TaskFunction}` in it is the task function's ARN.
            source: the task function's.
            defaults: the stage's.
            memory: the task function's, in MiB.
            timeout: the task function's, in seconds.
            max_concurrency: of the task function.
            snap_start: of the task function.
            provisioned_concurrency: of the task function.
        """
        super().__init__(scope, construct_id)
        self.task = (
            Function(
                self,
                "Task",
                source=source,
                defaults=defaults,
                description=f"Tasks of worker {source.name}: called by its state machine",
                environment={},
                memory=memory,
                timeout=Duration.seconds(timeout),
                max_concurrency=max_concurrency,
                snap_start=snap_start,
                provisioned_concurrency=provisioned_concurrency,
                # An execution that waits keeps the definition that it began with, for up to a year.
                always_by_alias=True,
            )
            if source
            else None
        )
        role = self._role()
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(definition.read_text("utf-8")),
            definition_substitutions={"TaskFunction": self.task.invoked.function_arn} if self.task else None,
            logs=sfn.LogOptions(
                destination=self._log_group(name, role, defaults),
                level=sfn.LogLevel.ALL,
                # Its input is a row.
                include_execution_data=False,
            ),
            role=role,
            tracing_enabled=True,
        )

    def _log_group(self, name: str, role: iam.Role, defaults: FunctionDefaults) -> LogGroup:
        group = LogGroup(
            self, "Logs", days=defaults.log_retention, removal=defaults.removal, key=defaults.key
        )
        # What log delivery may write to must fit into one policy per region, unless it is named so. The
        # role's id is new whenever the worker is: retained logs of an earlier one keep their name.
        cast(
            "logs.CfnLogGroup", group.node.default_child
        ).log_group_name = f"/aws/vendedlogs/states/{Stack.of(self).stack_name}-{name}-{role.role_id}"
        return group

    def _role(self) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "Traces, and the delivery of logs, have no resources that a policy could name.",
        )
        if self.task:
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[self.task.invoked.function_arn]
                )
            )
            acknowledge_synchronous(self.task, "its state machine")
        return role
