"""From the database's message to the worker's effect: all that a deployment must change together."""

from aws_cdk import Annotations, CfnOutput
from constructs import Construct

from stacks.api import Api
from stacks.context import StageContext
from stacks.database import Database
from stacks.functions import Functions
from stacks.names import camel_case
from stacks.platforms import PlatformSecrets
from stacks.pool import pool_warning
from stacks.queues import queue_address
from stacks.receiver import Receiver
from stacks.redelivery import Redelivery
from stacks.rotation import Rotation
from stacks.settings import Settings
from stacks.stage_stack import StageStack
from stacks.workers import Workers


class BridgeStack(StageStack):
    """API, receiver, queues, workers, redelivery, and the triggers in the database.

    One stack, so that a failed update rolls back whole, and a queue goes after the triggers that used it.

    Attributes:
        api: where messages and calls arrive.
        receiver: takes the messages.
        redelivery: makes delivery certain, and measures the outbox.
        rotation: changes the signing secrets.
        workers: process events, by their names.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        """Make one stage.

        Raises:
            SettingsError: more is declared than AWS can hold.
            BuildError: libraries can't be installed, or a worker can't be bundled.
        """
        super().__init__(scope, construct_id, settings=settings)
        context = StageContext.of(self, settings)
        workers = Workers(self, "Workers", context=context)
        self.workers = workers.by_name
        queues = {name: worker.queue.queue for name, worker in self.workers.items()}
        self.redelivery = Redelivery(self, "Redelivery", context=context, queues=queues)
        self.receiver = Receiver(
            self, "Receiver", context=context, queues=queues, wake_queue=self.redelivery.wake_queue
        )
        self.api = Api(self, "Api", context=context)
        self.api.add_receiver(self.receiver)
        self._functions = Functions(self, "Functions", context=context, api=self.api).by_name
        self._platforms = (
            PlatformSecrets(self, "PlatformSecrets", context=context) if settings.platforms else None
        )
        self._webhook_url = (
            settings.stage.webhook_url.replace("{api_id}", self.api.api.api_id)
            if settings.stage.webhook_url
            else self.api.url
        )
        self._database = Database(
            self,
            "Database",
            context=context,
            webhook_url=self._webhook_url,
            after=[
                self.api,
                self.receiver,
                self.redelivery,
                workers,
                *context.layout.nested,
                *([self._platforms] if self._platforms else []),
            ],
        )
        self.rotation = Rotation(
            self,
            "Rotation",
            context=context,
            platforms=self._platforms,
            after=self._database.resource,
        )
        self._make_outputs()
        if warning := pool_warning(settings):
            Annotations.of(self).add_warning_v2("external-compute:pool", warning)

    def _make_outputs(self) -> None:
        outputs = {
            "ApiUrl": self.api.url,
            "WebhookUrl": self._webhook_url,
            # With a queue's name behind it, its URL.
            "QueueAddress": queue_address(self.redelivery.wake_queue),
            "ReceiveWebhookFunction": self.receiver.function_name,
            "RedeliverFunction": self.redelivery.function.function_name,
            "ApplySqlFunction": self._database.function.function_name,
            "RotateSecretFunction": self.rotation.function.function_name,
            **{
                name: self._database.resource.get_att_string(name)
                for name in ("Triggers", "PgNetVersion", "RoundTripMs", "Targets", "Warnings")
            },
        }
        for name, worker in self.workers.items():
            outputs[f"Worker{camel_case(name)}"] = worker.function.name or worker.function.function_name
            if worker.state_machine:
                outputs[f"StateMachine{camel_case(name)}"] = worker.state_machine.state_machine_arn
        for name, function in self._functions.items():
            outputs[f"Function{camel_case(name)}"] = function.function_name
        if self._platforms:
            outputs["SyncPlatformFunction"] = self._platforms.function.function_name
            for name, resource in self._platforms.resources.items():
                outputs[f"Effect{camel_case(name)}"] = resource.get_att_string("Effect")
        if self.api.domain:
            outputs["DomainTarget"] = self.api.domain.regional_domain_name
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
