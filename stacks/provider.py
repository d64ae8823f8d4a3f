"""What stands between CloudFormation and the function behind a custom resource."""

from typing import cast

from aws_cdk import Duration, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.acknowledge import acknowledge_synchronous
from stacks.context import StageContext
from stacks.function import Function, function_role
from stacks.log_group import LogGroup


class Provider(custom_resources.Provider):
    """CDK's provider framework: answers CloudFormation with what a function returns or raises.

    It never logs an event, and may call that one function only.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, function: Function, context: StageContext
    ) -> None:
        """Make it; its role and logs stand beside it in the scope.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            function: called for each Create, Update and Delete.
            context: the stage's.
        """
        log_group = LogGroup(scope, f"{construct_id}Logs", context=context)
        role = function_role(scope, f"{construct_id}Role", log_group=log_group)
        # The framework would allow itself every version of the function; it calls the function itself only.
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction", "lambda:GetFunction"], resources=[function.function_arn]
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
            )
        )
        super().__init__(
            scope,
            construct_id,
            on_event_handler=function,
            framework_on_event_role=role.without_policy_updates(),
            # It logs each event, the pre-signed address of the answer taken out, from level INFO on.
            framework_lambda_logging_level=lambda_.ApplicationLogLevel.FATAL,
            log_group=log_group,
        )
        framework = cast("lambda_.Function", self.node.find_child("framework-onEvent"))
        resource = cast("lambda_.CfnFunction", framework.node.default_child)
        resource.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")
        resource.memory_size = 128
        for each in (function, framework):
            acknowledge_synchronous(each, "CloudFormation")


def answer_timeout(function_seconds: int) -> Duration:
    """How long CloudFormation should wait: longer than the function may take, so that its error arrives."""
    return Duration.seconds(function_seconds + 120)
