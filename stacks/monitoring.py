"""What tells a person that a stage needs one."""

from aws_cdk import CfnOutput, CrossStackReferences, ReferenceStrength
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.alarms import Alarms, AlarmTopic
from stacks.bridge import BridgeStack
from stacks.dashboard import Dashboard
from stacks.metrics import ANSWERS, namespace
from stacks.settings import Settings
from stacks.stage_stack import StageStack


class MonitoringStack(StageStack):
    """A dashboard, alarms, the topic that they go to, and what is counted from logs.

    A stack of its own, whose references to the bridge are weak: no change of the bridge ever waits for one
    here, and what is wrong here takes no change of the bridge back.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, bridge: BridgeStack
    ) -> None:
        """Make it for one stage."""
        super().__init__(scope, construct_id, settings=settings, holds="dashboard and alarms")
        CrossStackReferences.of(self).consume(ReferenceStrength.WEAK)
        topic = AlarmTopic(self, "Topic", settings=settings).topic
        Alarms(self, "Alarms", settings=settings, bridge=bridge, topic=topic)
        Dashboard(self, "Dashboard", stage_name=settings.stage_name, bridge=bridge)
        logs.MetricFilter(
            self,
            "WebhookAnswers",
            log_group=bridge.receiver.log_group,
            filter_pattern=logs.FilterPattern.string_value("$.message", "=", "webhook answered"),
            metric_namespace=namespace(settings.stage_name),
            metric_name=ANSWERS,
            metric_value="1",
            dimensions={"status": "$.status"},
        )
        CfnOutput(self, "AlarmTopic", value=topic.topic_arn)
