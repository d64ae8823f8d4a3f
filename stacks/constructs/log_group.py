"""A log group with a retention in days."""

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


class LogGroup(logs.LogGroup):
    """Keeps what is written for so many days."""

    def __init__(self, scope: Construct, construct_id: str, *, days: int, removal: RemovalPolicy) -> None:
        """Make it; `days` is one of CloudWatch's retentions."""
        super().__init__(scope, construct_id, removal_policy=removal)
        # The L2 property is an enumeration of names like EIGHTEEN_MONTHS; CloudFormation takes days.
        cast("logs.CfnLogGroup", self.node.default_child).retention_in_days = days
