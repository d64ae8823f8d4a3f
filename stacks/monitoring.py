"""What tells a person that a stage needs one."""

from aws_cdk import CfnOutput, CrossStackReferences, ReferenceStrength, Stack
from constructs import Construct

from stacks.alarms import Alarms
from stacks.constructs.alarm_topic import AlarmTopic
from stacks.dashboard import Dashboard
from stacks.monitored import Monitored
from stacks.settings import Settings


class MonitoringStack(Stack):
    """A dashboard, alarms, and the topic that they go to.

    A stack of its own, whose references to the bridge are weak: no change of the bridge ever waits for one
    here, and what is wrong here takes no change of the bridge back.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, monitored: Monitored
    ) -> None:
        """Make it for one stage."""
        stage = settings.environment
        super().__init__(
            scope,
            construct_id,
            env={"account": stage.account, "region": stage.region},
            description=f"External compute for Supabase, stage {settings.stage}: dashboard and alarms",
        )
        CrossStackReferences.of(self).consume(ReferenceStrength.WEAK)
        prefix = f"external-compute-{settings.stage}-"
        topic = AlarmTopic(self, "Topic", alarm_prefix=prefix, email=stage.alarm_email).topic
        Alarms(self, "Alarms", settings=settings, monitored=monitored, name_prefix=prefix, topic=topic)
        Dashboard(
            self,
            "Dashboard",
            stage=settings.stage,
            name=f"external-compute-{settings.stage}",
            monitored=monitored,
        )
        CfnOutput(self, "AlarmTopic", value=topic.topic_arn)
