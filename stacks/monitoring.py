"""What tells a person that a stage needs one."""

from aws_cdk import CfnOutput, CrossStackReferences, ReferenceStrength
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.alarms import Alarms
from stacks.constructs.alarm_topic import AlarmTopic
from stacks.dashboard import Dashboard
from stacks.metrics import ANSWERS, namespace
from stacks.monitored import Monitored
from stacks.settings import Settings
from stacks.stage_stack import StageStack


class MonitoringStack(StageStack):
    """A dashboard, alarms, the topic that they go to, and what is counted from logs.

    A stack of its own, whose references to the bridge are weak: no change of the bridge ever waits for one
    here, and what is wrong here takes no change of the bridge back.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, monitored: Monitored
    ) -> None:
        """Make it for one stage."""
        super().__init__(scope, construct_id, settings=settings, holds="dashboard and alarms")
        CrossStackReferences.of(self).consume(ReferenceStrength.WEAK)
        prefix = f"external-compute-{settings.stage}-"
        topic = AlarmTopic(self, "Topic", alarm_prefix=prefix, email=settings.environment.alarm_email).topic
        Alarms(self, "Alarms", settings=settings, monitored=monitored, name_prefix=prefix, topic=topic)
        Dashboard(
            self,
            "Dashboard",
            stage=settings.stage,
            name=f"external-compute-{settings.stage}",
            monitored=monitored,
        )
        logs.MetricFilter(
            self,
            "WebhookAnswers",
            log_group=monitored.receiver.log_group,
            filter_pattern=logs.FilterPattern.string_value("$.message", "=", "webhook answered"),
            metric_namespace=namespace(settings.stage),
            metric_name=ANSWERS,
            metric_value="1",
            dimensions={"status": "$.status"},
        )
        CfnOutput(self, "AlarmTopic", value=topic.topic_arn)
