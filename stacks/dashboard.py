"""The dashboard of a stage: is anything lost, late, failing; what does it do, and what does it cost."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.bridge import BridgeStack
from stacks.function import Function
from stacks.metrics import PERIOD, answer_metric, outbox_metric, outcome_metric, queue_metric, wait_metric
from stacks.names import stage_prefix

_COLUMNS = 24
_HEIGHT = 6
_SUM = cloudwatch.Stats.SUM
# What the receiver answers with, by its own list.
_STATUSES = (202, 400, 401, 403, 404, 413, 503)


class Dashboard(Construct):
    """Rows of graphs, each under the question that it answers, the most urgent first."""

    def __init__(self, scope: Construct, construct_id: str, *, stage_name: str, bridge: BridgeStack) -> None:
        """Make it, with the stage's name in the console."""
        super().__init__(scope, construct_id)
        self._stage_name = stage_name
        self._bridge = bridge
        self._dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=stage_prefix(stage_name).removesuffix("-")
        )
        self._row("Is anything lost?", self._lost())
        self._row("Is anything late?", self._late())
        self._row("Is anything failing?", self._failing())
        self._row("What does it do?", self._doing())
        self._row("What does it use?", self._using())

    def _lost(self) -> dict[str, Sequence[cloudwatch.IMetric]]:
        return {
            "Triggers that are missing": [self._outbox("MissingTriggers")],
            "Given up by the outbox": [self._outbox("DeadMessages")],
            "Dead letters of workers": self._queues("ApproximateNumberOfMessagesVisible", dead=True),
        }

    def _late(self) -> dict[str, Sequence[cloudwatch.IMetric]]:
        return {
            "Outbox: messages that wait": [self._outbox("Backlog"), self._outbox("Paused")],
            "Outbox: age of the oldest (s)": [self._outbox("OldestMessageAge")],
            "Queues: events that wait": self._queues("ApproximateNumberOfMessagesVisible"),
            "Queues: age of the oldest (s)": self._queues("ApproximateAgeOfOldestMessage"),
            "Workers: wait for Postgres (ms, 95 of 100)": [
                wait_metric(self._stage_name, worker=worker).with_(label=worker)
                for worker in self._bridge.workers
            ],
        }

    def _failing(self) -> dict[str, Sequence[cloudwatch.IMetric]]:
        api = self._bridge.api.api
        return {
            "Webhooks: answers by status": [
                answer_metric(self._stage_name, status=status).with_(label=str(status))
                for status in _STATUSES
            ],
            "API: answers with errors": [
                api.metric_client_error(period=PERIOD, statistic=_SUM),
                api.metric_server_error(period=PERIOD, statistic=_SUM),
            ],
            "Deliveries that failed": [self._outbox("RedeliveryFailed", _SUM)],
            "pg_net and Vault: problems; redelivery: broken steps": [
                self._outbox("Problems"),
                self._outbox("BrokenSteps"),
            ],
            "Events that failed": self._outcomes("EventFailed"),
            "Functions: errors and throttles": [
                metric
                for name, function in self._functions().items()
                for metric in (
                    _function_metric(function, "Errors", _SUM, label=f"{name}: errors"),
                    _function_metric(function, "Throttles", _SUM, label=f"{name}: throttles"),
                )
            ],
        }

    def _doing(self) -> dict[str, Sequence[cloudwatch.IMetric]]:
        return {
            "Deliveries: by pg_net, by redelivery": [
                self._outbox("Settled", _SUM),
                self._outbox("Redelivered", _SUM),
                self._outbox("Posted", _SUM),
            ],
            "Events processed": self._outcomes("EventProcessed"),
            "Duplicates skipped": self._outcomes("EventDuplicate"),
        }

    def _using(self) -> dict[str, Sequence[cloudwatch.IMetric]]:
        api = self._bridge.api.api
        return {
            "API: requests": [api.metric_count(period=PERIOD, statistic=_SUM)],
            "Functions: invocations": [
                _function_metric(function, "Invocations", _SUM, label=name)
                for name, function in self._functions().items()
            ],
            "Functions: duration (ms, 95 of 100)": [
                _function_metric(function, "Duration", cloudwatch.Stats.percentile(95), label=name)
                for name, function in self._functions().items()
            ],
        }

    def _functions(self) -> dict[str, Function]:
        return {
            "receive_webhook": self._bridge.receiver,
            "redeliver": self._bridge.redelivery.function,
            **{name: worker.function for name, worker in self._bridge.workers.items()},
        }

    def _outbox(self, name: str, statistic: str = cloudwatch.Stats.MAXIMUM) -> cloudwatch.IMetric:
        return outbox_metric(self._stage_name, name, statistic=statistic)

    def _outcomes(self, name: str) -> list[cloudwatch.IMetric]:
        return [
            outcome_metric(self._stage_name, name, worker=worker).with_(label=worker)
            for worker in self._bridge.workers
        ]

    def _queues(self, metric: str, *, dead: bool = False) -> list[cloudwatch.IMetric]:
        return [
            queue_metric(worker.queue.dead_letters if dead else worker.queue.queue, metric).with_(label=name)
            for name, worker in self._bridge.workers.items()
        ]

    def _row(self, question: str, graphs: dict[str, Sequence[cloudwatch.IMetric]]) -> None:
        self._dashboard.add_widgets(
            cloudwatch.TextWidget(markdown=f"## {question}", width=_COLUMNS, height=1)
        )
        # More than four side by side are too narrow to be read.
        width = _COLUMNS // (len(graphs) if len(graphs) <= 4 else 3)  # noqa: PLR2004
        self._dashboard.add_widgets(
            *(
                cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=_HEIGHT)
                for title, metrics in graphs.items()
            )
        )


def _function_metric(function: Function, metric: str, statistic: str, *, label: str) -> cloudwatch.IMetric:
    """Show a function by the name that it was given, if it was: references need an output each."""
    if function.name is None:
        return function.metric(metric, label=label, period=PERIOD, statistic=statistic)
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=metric,
        dimensions_map={"FunctionName": function.name},
        label=label,
        period=PERIOD,
        statistic=statistic,
    )
