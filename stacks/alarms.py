"""The alarms of a stage, one for each entry about alarms of docs/operations.md, and whom they tell."""

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.bridge import BridgeStack
from stacks.metrics import PERIOD, outbox_metric, queue_metric
from stacks.names import camel_case, stage_prefix
from stacks.settings import Settings
from stacks.workers import Worker

RUNBOOK = "docs/operations.md"
_SUM = cloudwatch.Stats.SUM
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
# Missing data means: nothing happened, so nothing is wrong; or: nothing is known, so what was wrong still is.
_NOTHING_HAPPENED = cloudwatch.TreatMissingData.NOT_BREACHING
_AS_BEFORE = cloudwatch.TreatMissingData.IGNORE


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What is wrong when a metric is out of its bound, and where to read on.

    Attributes:
        name: shown wherever it is told, after the stage's.
        metric: with its statistic and period.
        missing: what a period without a datapoint means.
        says: one sentence on what is wrong.
        entry: the heading of the runbook that says what to do, as its link has it.
        threshold: the bound, in the metric's unit.
        comparison: which side of it is wrong.
        datapoints: how many periods must be wrong.
        within: so many periods; None: these must be the last ones without a gap.
    """

    name: str
    metric: cloudwatch.IMetric
    missing: cloudwatch.TreatMissingData
    says: str
    entry: str
    threshold: float = 0
    comparison: cloudwatch.ComparisonOperator = _ABOVE
    datapoints: int = 1
    within: int | None = None


class Alarms(Construct):
    """Of the outbox, redelivery, the API, each worker, and the rotation of secrets."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        bridge: BridgeStack,
        topic: sns.ITopic,
    ) -> None:
        """Make them; they tell `topic` when they begin, and when they are over."""
        super().__init__(scope, construct_id)
        self._stage_name, self._stage = settings.stage_name, settings.stage
        tell = actions.SnsAction(topic)
        for alarm in self._alarms(bridge):
            resource = cloudwatch.Alarm(
                self,
                camel_case(alarm.name),
                alarm_name=f"{stage_prefix(self._stage_name)}{alarm.name}",
                alarm_description=f"{alarm.says} {RUNBOOK}#{alarm.entry}",
                metric=alarm.metric,
                threshold=alarm.threshold,
                comparison_operator=alarm.comparison,
                datapoints_to_alarm=alarm.datapoints,
                evaluation_periods=alarm.within or alarm.datapoints,
                treat_missing_data=alarm.missing,
            )
            resource.add_alarm_action(tell)
            resource.add_ok_action(tell)

    def _alarms(self, bridge: BridgeStack) -> Iterator[Alarm]:
        yield from self._of_outbox()
        yield from self._of_redelivery(bridge)
        yield from self._of_api(bridge)
        for name, worker in bridge.workers.items():
            yield from self._of_worker(name, worker)
        yield Alarm(
            name="rotation",
            metric=bridge.rotation.function.metric_errors(period=PERIOD, statistic=_SUM),
            # Seldom invoked: until an attempt succeeds, the last one stands.
            missing=_AS_BEFORE,
            says="A secret could not be rotated; the old one is still in use.",
            entry="a-secret-could-not-be-rotated",
        )

    def _of_outbox(self) -> Iterator[Alarm]:
        yield Alarm(
            name="backlog",
            metric=self._outbox_metric("Backlog"),
            threshold=self._stage.backlog_alarm,
            datapoints=3,
            missing=_AS_BEFORE,
            says=f"More than {self._stage.backlog_alarm} messages wait in the outbox.",
            entry="the-backlog-grows",
        )
        yield Alarm(
            name="oldest-message",
            metric=self._outbox_metric("OldestMessageAge"),
            threshold=self._stage.age_alarm,
            datapoints=3,
            missing=_AS_BEFORE,
            says=f"A message has waited in the outbox for more than {self._stage.age_alarm} seconds.",
            entry="messages-wait-too-long",
        )
        yield Alarm(
            name="given-up",
            metric=self._outbox_metric("DeadMessages"),
            missing=_AS_BEFORE,
            says="Messages could not be delivered and were given up.",
            entry="messages-were-given-up",
        )
        yield Alarm(
            name="paused",
            metric=self._outbox_metric("Paused"),
            missing=_AS_BEFORE,
            says="A target or a webhook is paused: its messages collect.",
            entry="a-target-or-webhook-is-paused",
        )
        yield Alarm(
            name="missing-triggers",
            metric=self._outbox_metric("MissingTriggers"),
            missing=_AS_BEFORE,
            says="Declared triggers are gone or disabled: their changes are not captured.",
            entry="triggers-are-missing",
        )
        yield Alarm(
            name="pg-net-or-vault",
            metric=self._outbox_metric("Problems"),
            # pg_net's worker restarts within seconds.
            datapoints=5,
            missing=_AS_BEFORE,
            says="Messages are late, because pg_net or Vault does not work as it should.",
            entry="pg_net-or-vault-does-not-work",
        )

    def _of_redelivery(self, bridge: BridgeStack) -> Iterator[Alarm]:
        yield Alarm(
            name="redelivery-silent",
            metric=self._outbox_metric("Backlog", statistic=cloudwatch.Stats.SAMPLE_COUNT),
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            datapoints=5,
            missing=cloudwatch.TreatMissingData.BREACHING,
            says="No run of redelivery has come to its end for five minutes.",
            entry="redelivery-does-not-run",
        )
        yield Alarm(
            name="redelivery-fails",
            metric=bridge.redelivery.function.metric_errors(period=PERIOD, statistic=_SUM),
            # A run that fails is made up for a minute later.
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="Runs of redelivery fail.",
            entry="redelivery-fails",
        )
        yield Alarm(
            name="redelivery-step",
            metric=self._outbox_metric("BrokenSteps"),
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="The database refuses a step of redelivery; its other steps go on.",
            entry="a-step-of-redelivery-fails",
        )

    def _of_api(self, bridge: BridgeStack) -> Iterator[Alarm]:
        yield Alarm(
            name="receiver",
            metric=bridge.receiver.metric_errors(period=PERIOD, statistic=_SUM),
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="The receiver of webhooks fails; redelivery goes around it.",
            entry="the-receiver-fails",
        )
        yield Alarm(
            name="api",
            metric=bridge.api.api.metric_server_error(period=PERIOD, statistic=_SUM),
            datapoints=3,
            within=5,
            missing=_NOTHING_HAPPENED,
            says="The API answers with 5xx, to the database or to callers of functions.",
            entry="the-api-answers-with-errors",
        )

    def _of_worker(self, name: str, worker: Worker) -> Iterator[Alarm]:
        yield Alarm(
            name=f"dead-letters-{name}",
            metric=queue_metric(worker.queue.dead_letters, "ApproximateNumberOfMessagesVisible"),
            missing=_AS_BEFORE,
            says=f"Worker {name} could not process events; they are in its dead-letter queue.",
            entry="a-worker-has-dead-letters",
        )
        yield Alarm(
            name=f"behind-{name}",
            metric=queue_metric(worker.queue.queue, "ApproximateAgeOfOldestMessage"),
            threshold=self._stage.age_alarm,
            datapoints=3,
            missing=_NOTHING_HAPPENED,
            says=f"An event has waited for worker {name} for more than {self._stage.age_alarm} seconds.",
            entry="a-worker-is-behind",
        )
        if machine := worker.state_machine:
            for end, metric in {
                "failed": machine.metric_failed,
                "timed-out": machine.metric_timed_out,
            }.items():
                yield Alarm(
                    name=f"executions-{end}-{name}",
                    metric=metric(period=PERIOD, statistic=_SUM),
                    missing=_NOTHING_HAPPENED,
                    says=f"An execution of worker {name}'s state machine has {end.replace('-', ' ')}.",
                    entry="long-work-fails",
                )

    def _outbox_metric(self, name: str, *, statistic: str = cloudwatch.Stats.MAXIMUM) -> cloudwatch.Metric:
        return outbox_metric(self._stage_name, name, statistic=statistic)


class AlarmTopic(Construct):
    """Encrypted, published to over TLS only, and by this account's alarms of one stage only.

    Attributes:
        topic: what others may subscribe to.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        """Make it; AWS asks the stage's alarm_email to confirm before it tells it anything."""
        super().__init__(scope, construct_id)
        stack, prefix = Stack.of(self), stage_prefix(settings.stage_name)
        alarms = stack.format_arn(service="cloudwatch", resource=f"alarm:{prefix}*")
        only_these = {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": alarms},
        }
        publisher = iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=only_these)
        described = f"Alarms of {prefix.rstrip('-')}"
        self.topic = sns.Topic(
            self,
            "Topic",
            display_name=described,
            master_key=self._make_key(described, publisher),
            enforce_ssl=True,
        )
        self.topic.grant_publish(publisher)
        if settings.stage.alarm_email is not None:
            subscription = self.topic.add_subscription(
                subscriptions.EmailSubscription(settings.stage.alarm_email)
            )
            acknowledge(
                subscription,
                "Serverless-SNSRedrivePolicy",
                "Mail that isn't delivered is old news: CloudWatch shows an alarm as long as it lasts.",
            )

    def _make_key(self, described: str, publisher: iam.IPrincipal) -> kms.Key:
        # AWS's own key, alias/aws/sns, lets no alarm in: such a topic would take every alarm and tell no one.
        key = kms.Key(
            self,
            "Key",
            description=described,
            enable_key_rotation=True,
            # Nothing is kept under it: a message is gone once it is sent.
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[publisher], actions=["kms:Decrypt", "kms:GenerateDataKey*"], resources=["*"]
            )
        )
        return key
