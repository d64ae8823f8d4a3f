"""A log group with a retention in days."""

from typing import cast

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.context import StageContext


class LogGroup(logs.LogGroup):
    """Keeps what is written as long as the stage says, under its key if it has one.

    The key's own policy must let CloudWatch Logs use it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext) -> None:
        """Make it."""
        super().__init__(scope, construct_id, removal_policy=context.removal, encryption_key=context.key)
        # The L2 property is an enumeration of names like EIGHTEEN_MONTHS; CloudFormation takes days.
        cast("logs.CfnLogGroup", self.node.default_child).retention_in_days = context.stage.log_retention
