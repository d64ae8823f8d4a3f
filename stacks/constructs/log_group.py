"""A log group with a retention in days."""

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


class LogGroup(logs.LogGroup):
    """Keeps what is written for so many days."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        days: int,
        removal: RemovalPolicy,
        key: kms.IKey | None = None,
    ) -> None:
        """Make it.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            days: one of CloudWatch's retentions.
            removal: what becomes of it when it leaves the stack.
            key: encrypts it; its own policy must let CloudWatch Logs use it. None: AWS's.
        """
        super().__init__(scope, construct_id, removal_policy=removal, encryption_key=key)
        # The L2 property is an enumeration of names like EIGHTEEN_MONTHS; CloudFormation takes days.
        cast("logs.CfnLogGroup", self.node.default_child).retention_in_days = days
