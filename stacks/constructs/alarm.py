"""An alarm that says what is wrong and where to read on."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

RUNBOOK = "docs/operations.md"
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD


class Alarm(cloudwatch.Alarm):
    """Tells a topic when it begins, and when it is over."""

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        topic: sns.ITopic,
        metric: cloudwatch.IMetric,
        missing: cloudwatch.TreatMissingData,
        says: str,
        entry: str,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator = _ABOVE,
        datapoints: int = 1,
        within: int | None = None,
    ) -> None:
        """Make it.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            name: shown wherever it is told.
            topic: what is told.
            metric: with its statistic and period.
            missing: what a period without a datapoint means.
            says: one sentence on what is wrong.
            entry: the heading of the runbook that says what to do, as its link has it.
            threshold: the bound, in the metric's unit.
            comparison: which side of it is wrong.
            datapoints: how many periods must be wrong.
            within: so many periods; left out, these must be the last ones without a gap.
        """
        super().__init__(
            scope,
            construct_id,
            alarm_name=name,
            alarm_description=f"{says} {RUNBOOK}#{entry}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            datapoints_to_alarm=datapoints,
            evaluation_periods=within or datapoints,
            treat_missing_data=missing,
        )
        tell = actions.SnsAction(topic)
        self.add_alarm_action(tell)
        self.add_ok_action(tell)
