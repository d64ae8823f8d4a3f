"""The alarms of a stage: one for each entry about alarms of docs/operations.md."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.alarm import Alarm
from stacks.constructs.worker_queue import WorkerQueue
from stacks.metrics import PERIOD, outbox_metric, queue_metric
from stacks.monitored import Monitored
from stacks.names import camel_case
from stacks.settings import Settings

# Missing data means: nothing happened, so nothing is wrong; or: nothing is known, so what was wrong still is.
_NOTHING_HAPPENED = cloudwatch.TreatMissingData.NOT_BREACHING
_AS_BEFORE = cloudwatch.TreatMissingData.IGNORE


class Alarms(Construct):
    """Of the outbox, redelivery, the API, each worker, and the rotation of secrets."""

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        monitored: Monitored,
        name_prefix: str,
        topic: sns.ITopic,
    ) -> None:
        """Make them.

        Args:
            scope: what they belong to.
            construct_id: within the scope.
            settings: with the bounds.
            monitored: what they look at.
            name_prefix: what their names begin with.
            topic: what they tell.
        """
        super().__init__(scope, construct_id)
        self._stage_name = settings.stage
        self._prefix = name_prefix
        self._stage = settings.environment
        self._topic = topic
        self._watch_outbox()
        self._watch_redelivery(monitored.redelivery)
        self._watch_api(monitored)
        for name, queue in monitored.queues.items():
            self._watch_worker(name, queue)
        for name, machine in monitored.state_machines.items():
            self._watch_executions(name, machine)
        self._watch_rotation(monitored.rotation)

    def _watch_outbox(self) -> None:
        self._alarm(
            "backlog",
            self._outbox_metric("Backlog"),
            threshold=self._stage.backlog_alarm,
            datapoints=3,
            missing=_AS_BEFORE,
            says=f"More than {self._stage.backlog_alarm} messages wait in the outbox.",
            entry="the-backlog-grows",
        )
        self._alarm(
            "oldest-message",
            self._outbox_metric("OldestMessageAge"),
            threshold=self._stage.age_alarm,
            datapoints=3,
            missing=_AS_BEFORE,
            says=f"A message has waited in the outbox for more than {self._stage.age_alarm} seconds.",
            entry="messages-wait-too-long",
        )
        self._alarm(
            "given-up",
            self._outbox_metric("DeadMessages"),
            threshold=0,
            missing=_AS_BEFORE,
            says="Messages could not be delivered and were given up.",
            entry="messages-were-given-up",
        )
        self._alarm(
            "paused",
            self._outbox_metric("Paused"),
            threshold=0,
            missing=_AS_BEFORE,
            says="A target or a webhook is paused: its messages collect.",
            entry="a-target-or-webhook-is-paused",
        )
        self._alarm(
            "missing-triggers",
            self._outbox_metric("MissingTriggers"),
            threshold=0,
            missing=_AS_BEFORE,
            says="Declared triggers are gone or disabled: their changes are not captured.",
            entry="triggers-are-missing",
        )
        # pg_net's worker restarts within seconds.
        self._alarm(
            "pg-net-or-vault",
            self._outbox_metric("Problems"),
            threshold=0,
            datapoints=5,
            missing=_AS_BEFORE,
            says="Messages are late, because pg_net or Vault does not work as it should.",
            entry="pg_net-or-vault-does-not-work",
        )

    def _watch_redelivery(self, function: lambda_.IFunction) -> None:
        self._alarm(
            "redelivery-silent",
            self._outbox_metric("Backlog", statistic=cloudwatch.Stats.SAMPLE_COUNT),
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            datapoints=5,
            missing=cloudwatch.TreatMissingData.BREACHING,
            says="No run of redelivery has come to its end for five minutes.",
            entry="redelivery-does-not-run",
        )
        # A run that fails is made up for a minute later.
        self._alarm(
            "redelivery-fails",
            function.metric_errors(period=PERIOD, statistic=cloudwatch.Stats.SUM),
            threshold=0,
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="Runs of redelivery fail.",
            entry="redelivery-fails",
        )
        self._alarm(
            "redelivery-step",
            self._outbox_metric("BrokenSteps"),
            threshold=0,
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="The database refuses a step of redelivery; its other steps go on.",
            entry="a-step-of-redelivery-fails",
        )

    def _watch_api(self, monitored: Monitored) -> None:
        self._alarm(
            "receiver",
            monitored.receiver.metric_errors(period=PERIOD, statistic=cloudwatch.Stats.SUM),
            threshold=0,
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="The receiver of webhooks fails; redelivery goes around it.",
            entry="the-receiver-fails",
        )
        self._alarm(
            "api",
            monitored.api.metric_server_error(period=PERIOD, statistic=cloudwatch.Stats.SUM),
            threshold=0,
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="The API answers with 5xx, to the database or to callers of functions.",
            entry="the-api-answers-with-errors",
        )

    def _watch_worker(self, name: str, queue: WorkerQueue) -> None:
        self._alarm(
            f"dead-letters-{name}",
            queue_metric(queue.dead_letters, "ApproximateNumberOfMessagesVisible"),
            threshold=0,
            missing=_AS_BEFORE,
            says=f"Worker {name} could not process events; they are in its dead-letter queue.",
            entry="a-worker-has-dead-letters",
        )
        self._alarm(
            f"behind-{name}",
            queue_metric(queue.queue, "ApproximateAgeOfOldestMessage"),
            threshold=self._stage.age_alarm,
            datapoints=3,
            missing=_NOTHING_HAPPENED,
            says=f"An event has waited for worker {name} for more than {self._stage.age_alarm} seconds.",
            entry="a-worker-is-behind",
        )

    def _watch_executions(self, name: str, machine: sfn.IStateMachine) -> None:
        ends = {"failed": machine.metric_failed, "timed-out": machine.metric_timed_out}
        for end, metric in ends.items():
            self._alarm(
                f"executions-{end}-{name}",
                metric(period=PERIOD, statistic=cloudwatch.Stats.SUM),
                threshold=0,
                missing=_NOTHING_HAPPENED,
                says=f"An execution of worker {name}'s state machine has {end.replace('-', ' ')}.",
                entry="long-work-fails",
            )

    def _watch_rotation(self, function: lambda_.IFunction) -> None:
        self._alarm(
            "rotation",
            function.metric_errors(period=PERIOD, statistic=cloudwatch.Stats.SUM),
            threshold=0,
            # Seldom invoked: until an attempt succeeds, the last one stands.
            missing=_AS_BEFORE,
            says="A secret could not be rotated; the old one is still in use.",
            entry="a-secret-could-not-be-rotated",
        )

    def _outbox_metric(self, name: str, *, statistic: str = cloudwatch.Stats.MAXIMUM) -> cloudwatch.Metric:
        return outbox_metric(self._stage_name, name, statistic=statistic)

    def _alarm(  # noqa: PLR0913 - all but two by name
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        missing: cloudwatch.TreatMissingData,
        says: str,
        entry: str,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        datapoints: int = 1,
        within: int | None = None,
    ) -> None:
        Alarm(
            self,
            camel_case(name),
            name=f"{self._prefix}{name}",
            topic=self._topic,
            metric=metric,
            missing=missing,
            says=says,
            entry=entry,
            threshold=threshold,
            comparison=comparison,
            datapoints=datapoints,
            within=within,
        )
