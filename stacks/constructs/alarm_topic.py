"""The topic that alarms go to, and who is told."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge


class AlarmTopic(Construct):
    """Encrypted, published to over TLS only, and by this account's alarms of one stage only.

    Attributes:
        topic: what others may subscribe to.
    """

    def __init__(self, scope: Construct, construct_id: str, *, alarm_prefix: str, email: str | None) -> None:
        """Make it.

        Args:
            scope: what it belongs to.
            construct_id: within the scope.
            alarm_prefix: what the names of the alarms begin with.
            email: an address that AWS asks to confirm before it tells it anything; None: no one yet.
        """
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        alarms = stack.format_arn(service="cloudwatch", resource=f"alarm:{alarm_prefix}*")
        only_these = {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": alarms},
        }
        publisher = iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=only_these)
        # AWS's own key, alias/aws/sns, lets no alarm in: such a topic would take every alarm and tell no one.
        key = kms.Key(
            self,
            "Key",
            description=f"Alarms of {alarm_prefix.rstrip('-')}",
            enable_key_rotation=True,
            # Nothing is kept under it: a message is gone once it is sent.
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[publisher], actions=["kms:Decrypt", "kms:GenerateDataKey*"], resources=["*"]
            )
        )
        self.topic = sns.Topic(
            self,
            "Topic",
            display_name=f"Alarms of {alarm_prefix.rstrip('-')}",
            master_key=key,
            enforce_ssl=True,
        )
        self.topic.grant_publish(publisher)
        if email is not None:
            subscription = self.topic.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(
                subscription,
                "Serverless-SNSRedrivePolicy",
                "Mail that isn't delivered is old news: CloudWatch shows an alarm as long as it lasts.",
            )
