"""From the database's message to the worker's effect: all that a deployment must change together."""

import json
from pathlib import Path

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge
from stacks.constructs.database_bridge import DatabaseBridge
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.redelivery import Redelivery
from stacks.constructs.shared_layer import SharedLayer, function_architecture
from stacks.constructs.webhook_api import WebhookApi
from stacks.constructs.worker import Worker
from stacks.environment_size import check_environment_size
from stacks.secrets import SecretsStack
from stacks.settings import Settings

_ROOT = Path(__file__).parents[1]
_SOURCES = _ROOT / "lambda_src"


class BridgeStack(Stack):
    """API, receiver, queues, workers, redelivery, and the triggers in the database.

    One stack, so that a failed update rolls back whole, and a queue goes after the triggers that used it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, secrets: SecretsStack
    ) -> None:
        """Make one stage.

        Raises:
            SettingsError: more is declared than a function's environment holds.
            LayerError: the shared layer's libraries can't be installed.
        """
        self._settings, self._stage = settings, settings.environment
        super().__init__(
            scope,
            construct_id,
            env={"account": self._stage.account, "region": self._stage.region},
            description=f"External compute for Supabase, stage {settings.stage}: webhooks and workers",
        )
        self._removal = (
            RemovalPolicy.DESTROY
            if self._stage.removal == "destroy"
            # But not what a failed first deployment leaves: it would be in the way of the next.
            else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        )
        self._defaults = self._function_defaults()
        self._database = {
            "DATABASE_SECRET_ID": secrets.database.secret_arn,
            "DATABASE_TLS": self._stage.database_tls,
        }
        self._workers = self._make_workers(secrets.database)
        self._redelivery = self._make_redelivery(secrets.database)
        self._receiver = self._make_receiver(secrets.webhook_signing)
        self._api = self._make_api()
        self._bridge = self._make_bridge(secrets)
        self._make_outputs()

    def _function_defaults(self) -> FunctionDefaults:
        local = self._stage.layer_platform == "local"
        return FunctionDefaults(
            stage=self._settings.stage,
            layer=SharedLayer(
                self,
                "Layer",
                source=_SOURCES / "layer",
                cache=_ROOT / "build" / "layer",
                for_this_machine=local,
            ),
            architecture=function_architecture(for_this_machine=local),
            log_retention=self._stage.log_retention,
            removal=self._removal,
        )

    def _make_workers(self, database: secretsmanager.Secret) -> dict[str, Worker]:
        workers = {}
        # In a scope of their own: a worker may be named like anything else here.
        scope = Construct(self, "Workers")
        for name, size in self._settings.workers.items():
            worker = Worker(
                scope,
                _camel_case(name),
                folder=_SOURCES / "workers" / name,
                defaults=self._defaults,
                environment=self._database,
                queue_name=self._queue_name(name),
                **size.model_dump(),
            )
            database.grant_read(worker.function)
            workers[name] = worker
        return workers

    def _make_redelivery(self, database: secretsmanager.Secret) -> Redelivery:
        queues = {name: worker.queue.queue for name, worker in self._workers.items()}
        redelivery = Redelivery(
            self,
            "Redelivery",
            folder=_SOURCES / "redeliver",
            defaults=self._defaults,
            environment={**self._database, "QUEUES": _urls(self, queues)},
            queue_name=self._queue_name("redeliver"),
        )
        database.grant_read(redelivery.function)
        for queue in queues.values():
            queue.grant(redelivery.function, "sqs:SendMessage")
        return redelivery

    def _make_receiver(self, signing: secretsmanager.Secret) -> Function:
        queues = {name: worker.queue.queue for name, worker in self._workers.items()}
        queues["redeliver"] = self._redelivery.wake_queue
        targets = {webhook.name: webhook.target for webhook in self._settings.webhooks}
        environment = {
            "SIGNING_SECRET_ID": signing.secret_arn,
            "WEBHOOKS": json.dumps(
                {**targets, "bridge.ping": None, "bridge.ring": "redeliver"}, separators=(",", ":")
            ),
            "QUEUES": _urls(self, queues),
            "ALLOWED_SOURCE_RANGES": json.dumps(self._stage.allowed_source_ranges),
        }
        check_environment_size(self, environment)
        receiver = Function(
            self,
            "Receiver",
            folder=_SOURCES / "receive_webhook",
            defaults=self._defaults,
            description="Verifies messages and puts their events into queues",
            environment=environment,
            memory=512,
            timeout=Duration.seconds(15),
        )
        acknowledge(
            receiver, "Serverless-LambdaDLQ", "Invoked by API Gateway only, whose caller learns of a failure."
        )
        signing.grant_read(receiver)
        for queue in queues.values():
            queue.grant(receiver, "sqs:SendMessage")
        return receiver

    def _make_api(self) -> WebhookApi:
        return WebhookApi(
            self,
            "Api",
            receiver=self._receiver,
            name=self.stack_name,
            throttle_rate=self._stage.throttle_rate,
            throttle_burst=self._stage.throttle_burst,
            log_retention=self._stage.log_retention,
            removal=self._removal,
            domain_name=self._stage.domain_name,
            certificate_arn=self._stage.certificate_arn,
        )

    def _make_bridge(self, secrets: SecretsStack) -> DatabaseBridge:
        bridge = DatabaseBridge(
            self,
            "Database",
            folder=_SOURCES / "apply_sql",
            sql=_ROOT / "sql",
            defaults=self._defaults,
            environment={**self._database, "SIGNING_SECRET_ID": secrets.webhook_signing.secret_arn},
            declaration=self._declaration(),
            owner=f"{self.account}/{self.region}/{self.stack_name}",
            adopt=self._stage.adopt,
            ping=self._stage.ping,
        )
        secrets.database.grant_read(bridge.function)
        secrets.webhook_signing.grant_read(bridge.function)
        # With the triggers come messages: whatever a message needs is there first, and is removed last.
        bridge.resource.node.add_dependency(
            self._api, self._receiver, self._redelivery, *self._workers.values()
        )
        return bridge

    def _declaration(self) -> str:
        return json.dumps(
            {
                "webhook_url": self._webhook_url(),
                "fast_path_grace": self._stage.fast_path_grace,
                "retention": self._stage.retention,
                "targets": [{"name": name, "kind": "queue"} for name in self._settings.workers],
                "webhooks": [webhook.model_dump(mode="json") for webhook in self._settings.webhooks],
            }
        )

    def _webhook_url(self) -> str:
        if self._stage.webhook_url:
            return self._stage.webhook_url.replace("{api_id}", self._api.api.api_id)
        return f"https://{self._stage.domain_name}" if self._stage.domain_name else self._api.api.api_endpoint

    def _make_outputs(self) -> None:
        outputs = {
            "ApiUrl": self._webhook_url(),
            "ReceiveWebhookFunction": self._receiver.function_name,
            "RedeliverFunction": self._redelivery.function.function_name,
            "ApplySqlFunction": self._bridge.function.function_name,
            **{
                name: self._bridge.resource.get_att_string(name)
                for name in ("Triggers", "PgNetVersion", "RoundTripMs")
            },
        }
        for name, worker in self._workers.items():
            outputs[f"Queue{_camel_case(name)}"] = worker.queue.queue.queue_url
            outputs[f"DeadLetterQueue{_camel_case(name)}"] = worker.queue.dead_letters.queue_url
        if self._api.domain:
            outputs["DomainTarget"] = self._api.domain.regional_domain_name
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _queue_name(self, name: str) -> str:
        return f"external-compute-{self._settings.stage}-{name}"


def _urls(stack: Stack, queues: dict[str, sqs.Queue]) -> str:
    return stack.to_json_string({name: queue.queue_url for name, queue in queues.items()})


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
