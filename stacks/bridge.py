"""From the database's message to the worker's effect: all that a deployment must change together."""

import json
from pathlib import Path
from typing import Any

from aws_cdk import Annotations, CfnOutput, Duration, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge_synchronous
from stacks.constructs.api import Api
from stacks.constructs.database_bridge import DatabaseBridge, hash_of_sql
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.redelivery import Redelivery
from stacks.constructs.shared_layer import SharedLayer, function_architecture
from stacks.constructs.source import Sources
from stacks.entries import SIGNING, Entries
from stacks.environment_size import check_environment_size
from stacks.functions import Functions
from stacks.monitored import Monitored
from stacks.names import camel_case, queue_name, target_entry
from stacks.platforms import make_platform_secrets
from stacks.pool import pool_warning
from stacks.removal import removal_policy
from stacks.rotation import make_rotation
from stacks.settings import Settings
from stacks.workers import Workers

_ROOT = Path(__file__).parents[1]
_SOURCES = _ROOT / "lambda_src"


class BridgeStack(Stack):
    """API, receiver, queues, workers, redelivery, and the triggers in the database.

    One stack, so that a failed update rolls back whole, and a queue goes after the triggers that used it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        """Make one stage.

        Raises:
            SettingsError: more is declared than a function's environment holds.
            BuildError: libraries can't be installed, or a worker can't be bundled.
        """
        self._settings, self._stage = settings, settings.environment
        super().__init__(
            scope,
            construct_id,
            env={"account": self._stage.account, "region": self._stage.region},
            description=f"External compute for Supabase, stage {settings.stage}",
        )
        self._entries = Entries(self, "Entries", settings=settings)
        self._sources = Sources(
            layer=_SOURCES / "layer",
            cache=_ROOT / "build" / "libraries",
            for_this_machine=self._stage.layer_platform == "local",
        )
        self._defaults = self._function_defaults()
        workers = Workers(
            self,
            "Workers",
            settings=settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
        )
        self._workers, self._state_machines = workers.by_name, workers.state_machines
        self._redelivery = self._make_redelivery()
        self._receiver = self._make_receiver()
        self._api = self._make_api()
        self._functions = Functions(
            self,
            "Functions",
            settings=settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            api=self._api,
        ).by_name
        self._platforms = make_platform_secrets(
            self,
            "PlatformSecrets",
            settings=settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
        )
        self._bridge = self._make_bridge()
        self._rotation = make_rotation(
            self,
            "Rotation",
            settings=settings,
            sources=self._sources,
            defaults=self._defaults,
            entries=self._entries,
            bridge=self._bridge,
            platforms=self._platforms,
        )
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
        )

    def _make_redelivery(self) -> Redelivery:
        queues = {name: worker.queue.queue for name, worker in self._workers.items()}
        redelivery = Redelivery(
            self,
            "Redelivery",
            source=self._sources.python(_SOURCES / "redeliver"),
            defaults=self._defaults,
            environment=self._redelivery_environment(queues),
            queue_name=queue_name(self._settings.stage, "redeliver"),
        )
        self._entries.give(redelivery.function, ["database", *self._target_entries()])
        for queue in queues.values():
            queue.grant(redelivery.function, "sqs:SendMessage")
        return redelivery

    def _redelivery_environment(self, queues: dict[str, sqs.Queue]) -> dict[str, str]:
        targets = {
            target.name: {"url": target.url, "timeout": target.timeout}
            | ({"ordered": True} if target.name in self._settings.ordered_targets else {})
            for target in self._settings.targets
        }
        environment = {
            "QUEUES": _urls(self, queues),
            "TARGETS": json.dumps(targets, separators=(",", ":")),
            "ALLOWED_TARGET_RANGES": json.dumps(self._stage.allowed_target_ranges),
        }
        check_environment_size(
            environment | self._entries.variables(self._target_entries()),
            stack=self,
            of="redelivery",
            remedy="Declare fewer workers and targets, or shorten their names and addresses.",
        )
        return environment

    def _target_entries(self) -> list[str]:
        return [target_entry(target.name) for target in self._settings.targets]

    def _make_receiver(self) -> Function:
        # Only redelivery puts events into queues that keep an order: requests arrive in any.
        queues = {
            name: worker.queue.queue
            for name, worker in self._workers.items()
            if name not in self._settings.ordered_targets
        }
        targets = {
            webhook.name: queued
            for webhook in self._settings.webhooks
            if (queued := [target for target in webhook.targets if target in queues])
        }
        queues["redeliver"] = self._redelivery.wake_queue
        environment = {
            "WEBHOOKS": json.dumps(
                {**targets, "bridge.ping": [], "bridge.ring": ["redeliver"]}, separators=(",", ":")
            ),
            "QUEUES": _urls(self, queues),
            "ALLOWED_SOURCE_RANGES": json.dumps(self._stage.allowed_source_ranges),
        }
        check_environment_size(
            environment,
            stack=self,
            of="receiver",
            remedy="Shorten the names of webhooks, or declare fewer.",
        )
        receiver = Function(
            self,
            "Receiver",
            source=self._sources.python(_SOURCES / "receive_webhook"),
            defaults=self._defaults,
            description="Verifies messages and puts their events into queues",
            environment=environment,
            memory=512,
            timeout=Duration.seconds(15),
            max_concurrency=self._stage.receiver_concurrency,
            reaches_supabase=False,
        )
        acknowledge_synchronous(receiver, "API Gateway")
        self._entries.give(receiver, [SIGNING])
        for queue in queues.values():
            queue.grant(receiver, "sqs:SendMessage")
        return receiver

    def _make_api(self) -> Api:
        api = Api(
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
        )
        api.add_receiver(self._receiver)
        return api

    def _make_bridge(self) -> DatabaseBridge:
        sql = _ROOT / "sql"
        bridge = DatabaseBridge(
            self,
            "Database",
            source=self._sources.python(_SOURCES / "apply_sql", beside={"sql": sql}),
            sql_hash=hash_of_sql(sql),
            defaults=self._defaults,
            environment={},
            declaration=self._declaration(),
            owner=f"{self.account}/{self.region}/{self.stack_name}",
            adopt=self._stage.adopt,
            ping=self._stage.ping,
        )
        self._entries.give(bridge.function, ["database-direct", SIGNING, *self._target_entries()])
        # With the triggers come messages: whatever a message needs is there first, and is removed last.
        bridge.resource.node.add_dependency(
            self._api,
            self._receiver,
            self._redelivery,
            *self._workers.values(),
            *([self._platforms] if self._platforms else []),
        )
        return bridge

    def _declaration(self) -> str:
        return json.dumps(
            {
                "webhook_url": self._webhook_url(),
                "fast_path_grace": self._stage.fast_path_grace,
                "retention": self._stage.retention,
                "pause_after": self._stage.pause_after,
                "targets": [
                    target | {"ordered": target["name"] in self._settings.ordered_targets}
                    for target in self._declared_targets()
                ],
                "webhooks": [
                    webhook.model_dump(mode="json", exclude={"target"})
                    | {
                        "targets": webhook.targets,
                        # What shares a target with one that is, is ordered with it.
                        "ordered": not self._settings.ordered_targets.isdisjoint(webhook.targets),
                    }
                    for webhook in self._settings.webhooks
                ],
            }
        )

    def _declared_targets(self) -> list[dict[str, Any]]:
        return [
            *({"name": name, "kind": "queue"} for name in self._settings.workers),
            *(
                {"name": t.name, "kind": "http", "url": t.url, "fast_path": t.fast_path}
                for t in self._settings.targets
            ),
        ]

    def _webhook_url(self) -> str:
        if self._stage.webhook_url:
            return self._stage.webhook_url.replace("{api_id}", self._api.api.api_id)
        return self._api.url

    def _make_outputs(self) -> None:
        outputs = {
            "ApiUrl": self._api.url,
            "WebhookUrl": self._webhook_url(),
            "ReceiveWebhookFunction": self._receiver.function_name,
            "RedeliverFunction": self._redelivery.function.function_name,
            "ApplySqlFunction": self._bridge.function.function_name,
            "RotateSecretFunction": self._rotation.function.function_name,
            **{
                name: self._bridge.resource.get_att_string(name)
                for name in ("Triggers", "PgNetVersion", "RoundTripMs", "Targets")
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


def _urls(stack: Stack, queues: dict[str, sqs.Queue]) -> str:
    return stack.to_json_string({name: queue.queue_url for name, queue in queues.items()})
