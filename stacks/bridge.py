"""From the database's message to the worker's effect: all that a deployment must change together."""

from pathlib import Path

from aws_cdk import Annotations, CfnOutput
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.api import Api
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.shared_layer import SharedLayer, function_architecture
from stacks.constructs.source import Sources
from stacks.database import make_database_bridge
from stacks.entries import Entries
from stacks.functions import Functions
from stacks.monitored import Monitored
from stacks.names import camel_case
from stacks.platforms import make_platform_secrets
from stacks.pool import pool_warning
from stacks.receiver import make_receiver
from stacks.redelivery import make_redelivery
from stacks.removal import removal_policy
from stacks.rotation import make_rotation
from stacks.settings import Settings
from stacks.stage_stack import StageStack
from stacks.workers import Workers

_ROOT = Path(__file__).parents[1]


class BridgeStack(StageStack):
    """API, receiver, queues, workers, redelivery, and the triggers in the database.

    One stack, so that a failed update rolls back whole, and a queue goes after the triggers that used it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        """Make one stage.

        Raises:
            SettingsError: more is declared than a function's environment holds.
            BuildError: libraries can't be installed, or a worker can't be bundled.
        """
        super().__init__(scope, construct_id, settings=settings)
        self._settings, self._stage = settings, settings.environment
        self._key = self._user_key()
        self._entries = Entries(self, "Entries", settings=settings, key=self._key)
        self._sources = Sources(
            layer=_ROOT / "lambda_src" / "layer",
            cache=_ROOT / "build" / "libraries",
            for_this_machine=self._stage.layer_platform == "local",
        )
        self._defaults = self._function_defaults()
        self._make_deliveries()
        self._make_api()
        self._make_database()
        self._make_outputs()
        if warning := pool_warning(settings):
            Annotations.of(self).add_warning_v2("external-compute:pool", warning)

    @property
    def monitored(self) -> Monitored:
        """What alarms are about."""
        return Monitored(
            api=self._api.api,
            receiver=self._receiver,
            redelivery=self._redelivery.function,
            rotation=self._rotation.function,
            workers={name: worker.function for name, worker in self._workers.items()},
            queues={name: worker.queue for name, worker in self._workers.items()},
            state_machines=self._state_machines,
        )

    def _user_key(self) -> kms.IKey | None:
        arn = self._stage.kms_key_arn
        return kms.Key.from_key_arn(self, "Key", arn) if arn else None

    def _function_defaults(self) -> FunctionDefaults:
        local = self._sources.for_this_machine
        return FunctionDefaults(
            stage=self._settings.stage,
            layer=SharedLayer(self, "Layer", sources=self._sources),
            architecture=function_architecture(for_this_machine=local),
            log_retention=self._stage.log_retention,
            removal=removal_policy(self._stage),
            subnets=self._stage.subnets,
            security_groups=self._stage.security_groups,
            key=self._key,
        )

    def _make_deliveries(self) -> None:
        """The workers, and the two ways by which events get into their queues."""
        workers = Workers(
            self,
            "Workers",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
        )
        self._workers, self._state_machines = workers.by_name, workers.state_machines
        queues = {name: worker.queue.queue for name, worker in self._workers.items()}
        self._redelivery = make_redelivery(
            self,
            "Redelivery",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            queues=queues,
        )
        self._receiver: Function = make_receiver(
            self,
            "Receiver",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            queues=queues,
            wake_queue=self._redelivery.wake_queue,
        )

    def _make_api(self) -> None:
        """The API, with the receiver and the functions behind it."""
        self._api = Api(
            self,
            "Api",
            name=self.stack_name,
            throttle_rate=self._stage.throttle_rate,
            throttle_burst=self._stage.throttle_burst,
            log_retention=self._stage.log_retention,
            removal=self._defaults.removal,
            domain_name=self._stage.domain_name,
            certificate_arn=self._stage.certificate_arn,
            cors_origins=self._stage.cors_origins,
            key=self._key,
        )
        self._api.add_receiver(self._receiver)
        self._functions = Functions(
            self,
            "Functions",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            api=self._api,
        ).by_name

    def _make_database(self) -> None:
        """What is deployed into Postgres, and the secrets that both sides have."""
        self._platforms = make_platform_secrets(
            self,
            "PlatformSecrets",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
        )
        self._bridge = make_database_bridge(
            self,
            "Database",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            webhook_url=self._webhook_url,
            after=[
                self._api,
                self._receiver,
                self._redelivery,
                *self._workers.values(),
                *([self._platforms] if self._platforms else []),
            ],
        )
        self._rotation = make_rotation(
            self,
            "Rotation",
            settings=self._settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            bridge=self._bridge,
            platforms=self._platforms,
        )

    @property
    def _webhook_url(self) -> str:
        if self._stage.webhook_url:
            return self._stage.webhook_url.replace("{api_id}", self._api.api.api_id)
        return self._api.url

    def _make_outputs(self) -> None:
        outputs = {
            "ApiUrl": self._api.url,
            "WebhookUrl": self._webhook_url,
            "ReceiveWebhookFunction": self._receiver.function_name,
            "RedeliverFunction": self._redelivery.function.function_name,
            "ApplySqlFunction": self._bridge.function.function_name,
            "RotateSecretFunction": self._rotation.function.function_name,
            **{
                name: self._bridge.resource.get_att_string(name)
                for name in ("Triggers", "PgNetVersion", "RoundTripMs", "Targets", "Warnings")
            },
        }
        for name, worker in self._workers.items():
            outputs[f"Queue{camel_case(name)}"] = worker.queue.queue.queue_url
            outputs[f"DeadLetterQueue{camel_case(name)}"] = worker.queue.dead_letters.queue_url
            outputs[f"Worker{camel_case(name)}"] = worker.function.function_name
        for name, function in self._functions.items():
            outputs[f"Function{camel_case(name)}"] = function.function_name
        if self._platforms:
            outputs["SyncPlatformFunction"] = self._platforms.function.function_name
            for name, resource in self._platforms.resources.items():
                outputs[f"Effect{camel_case(name)}"] = resource.get_att_string("Effect")
        if self._api.domain:
            outputs["DomainTarget"] = self._api.domain.regional_domain_name
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
