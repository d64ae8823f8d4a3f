"""Rotation of signing secrets: by Secrets Manager's schedule, with an overlap that another schedule ends."""

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct, IDependable

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.platform_secrets import SYNC_TIMEOUT
from stacks.constructs.source import Source
from stacks.names import camel_case

INTERVAL = Duration.hours(1)
# It waits for the function that keeps platforms in step.
_TIMEOUT = SYNC_TIMEOUT.plus(Duration.minutes(1))
_SECRETS_MANAGER = iam.ServicePrincipal("secretsmanager.amazonaws.com")


class Rotation(Construct):
    """The function that takes the four steps of a rotation, and looks hourly after what is due between them.

    It must be let rotate the entries, and read the entry "database".

    Attributes:
        function: to be invoked with a step of Secrets Manager, or {} for what is due.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        defaults: FunctionDefaults,
        environment: Mapping[str, str],
    ) -> None:
        """Make it."""
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            source=source,
            defaults=defaults,
            description="Rotates the secrets that sign webhooks",
            environment=environment,
            memory=256,
            timeout=_TIMEOUT,
        )
        # What an hour's run has not done, the next one does.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=INTERVAL)
        upkeep = events.Rule(
            self,
            "Upkeep",
            schedule=events.Schedule.rate(INTERVAL),
            targets=[
                targets.LambdaFunction(
                    self.function,
                    event=events.RuleTargetInput.from_object({}),
                    retry_attempts=0,
                    max_event_age=INTERVAL,
                )
            ],
        )
        next_hour = (
            "What a run that is lost would have done, the next hour's run does; no secret ends by itself."
        )
        acknowledge(self.function, "Serverless-LambdaDLQ", next_hour)
        acknowledge(self.function, "Serverless-LambdaAsyncFailureDestination", next_hour)
        acknowledge(upkeep, "Serverless-EventBusDLQ", next_hour)

    def rotate(self, entry: str, *, secret_name: str, secret_arn: str, days: int, after: IDependable) -> None:
        """Let Secrets Manager rotate an entry by itself.

        Args:
            entry: its name within the stage.
            secret_name: its name in Secrets Manager.
            secret_arn: its ARN, with "?" for what isn't known of it.
            days: between two rotations.
            after: what the first test of the schedule needs.
        """
        self.function.add_permission(
            f"For{camel_case(entry)}",
            principal=_SECRETS_MANAGER,
            source_account=Stack.of(self).account,
            source_arn=secret_arn,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            f"Schedule{camel_case(entry)}",
            secret_id=secret_name,
            rotation_lambda_arn=self.function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                automatically_after_days=days
            ),
            # A deployment changes no secret.
            rotate_immediately_on_update=False,
        )
        # Secrets Manager tries out the function as soon as there is a schedule.
        schedule.node.add_dependency(
            after, self.function, *([self.function.role] if self.function.role else [])
        )
