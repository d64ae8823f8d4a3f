"""Rotation of signing secrets: by Secrets Manager's schedule, with an overlap that another schedule ends."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct, IDependable

from stacks.acknowledge import acknowledge
from stacks.context import StageContext
from stacks.entries import SIGNING, secret_ids_of_targets
from stacks.function import Function, FunctionProps
from stacks.names import camel_case, entry_name, target_entry
from stacks.platforms import SYNC_TIMEOUT, PlatformSecrets

INTERVAL = Duration.hours(1)
# It waits for the function that keeps platforms in step.
_TIMEOUT = SYNC_TIMEOUT + 60
_SECRETS_MANAGER = iam.ServicePrincipal("secretsmanager.amazonaws.com")


class Rotation(Construct):
    """The function that takes the four steps of a rotation, and looks hourly after what is due between them.

    Attributes:
        function: to be invoked with a step of Secrets Manager, or {} for what is due.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        context: StageContext,
        platforms: PlatformSecrets | None,
        after: IDependable,
    ) -> None:
        """Make the function always, its schedules unless rotation_days is 0.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            context: the stage's.
            platforms: what a rotation tells of new secrets, if any target needs that.
            after: puts the secrets into Vault, which the first test of a schedule needs.
        """
        super().__init__(scope, construct_id)
        signing = [SIGNING, *(target_entry(target.name) for target in context.settings.targets)]
        tables = {
            "TARGET_SECRET_IDS": secret_ids_of_targets(context.settings),
            "PLATFORM_TARGETS": list(platforms.resources) if platforms else [],
        }
        self.function = Function(
            self,
            "Function",
            context=context,
            props=FunctionProps(
                source=context.bridge_source("rotate_secret", tables=tables),
                description="Rotates the secrets that sign webhooks",
                environment={
                    "OVERLAP_HOURS": str(context.stage.rotation_overlap),
                    **({"SYNC_PLATFORM_FUNCTION": platforms.function.function_name} if platforms else {}),
                },
                memory=256,
                timeout=_TIMEOUT,
            ),
        )
        # What an hour's run has not done, the next one does.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=INTERVAL)
        self._look_after()
        context.entries.give(self.function, ["database", SIGNING])
        context.entries.let_rotate(self.function, signing)
        if platforms:
            self.function.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[platforms.function.function_arn]
                )
            )
        if context.stage.rotation_days:
            # One statement for all: a permission for each target would outgrow a function's policy.
            self.function.add_permission(
                "ForEntries",
                principal=_SECRETS_MANAGER,
                source_account=Stack.of(self).account,
                source_arn=context.entries.arn_of_all(),
            )
            for entry in signing:
                self._rotate(entry, context, after)

    def _look_after(self) -> None:
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

    def _rotate(self, entry: str, context: StageContext, after: IDependable) -> None:
        """Let Secrets Manager rotate an entry by itself."""
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            f"Schedule{camel_case(entry)}",
            secret_id=entry_name(context.stage_name, entry),
            rotation_lambda_arn=self.function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                automatically_after_days=context.stage.rotation_days
            ),
            # A deployment changes no secret.
            rotate_immediately_on_update=False,
        )
        # Secrets Manager tries out the function as soon as there is a schedule.
        schedule.node.add_dependency(
            after, self.function, *([self.function.role] if self.function.role else [])
        )
