"""The whole system, deployed, with a worker that leaves its queue alone."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psycopg

from local import deploy
from local.aws import CREDENTIALS, REGION, client
from local.part import Part
from local.system import System

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "local" / "demo" / "schema.sql"
CONFIG = """
[[webhooks]]
name = "order.created"
table = "public.orders"
operations = ["insert"]
target = "process_order"

[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
rotation_days = 0
"""
# As `receiver_concurrency` would have it in AWS. The emulator starts a process, half a second of a core,
# for each request that no other is free for, and pg_net sends 200 together and waits for five seconds.
RECEIVERS = 6


class Deployment(Part):
    """A deployed bridge with one webhook, whose worker is off: what is measured is the way to its queue.

    Args:
        system: a running one.
        outputs: of its bridge stack.
    """

    def __init__(self, system: System, outputs: Mapping[str, Any]) -> None:
        self.system = system
        self.outputs = outputs

    def start(self) -> Self:
        """Take the worker from its queue, and limit the receivers."""
        self._let_work(works=False)
        # Here and not in bridge.toml: the emulator's CloudFormation leaves the limit out.
        self.client("lambda").put_function_concurrency(
            FunctionName=str(self.outputs["ReceiveWebhookFunction"]),
            ReservedConcurrentExecutions=RECEIVERS,
        )
        return self

    def stop(self) -> None:
        """Give it back, and lift the limit."""
        self._let_work(works=True)
        self.client("lambda").delete_function_concurrency(
            FunctionName=str(self.outputs["ReceiveWebhookFunction"])
        )

    def client(self, service: Any) -> Any:
        """Make a service's client."""
        return client(service, self.system.aws_endpoint)

    @property
    def queue(self) -> str:
        """The address of the worker's queue."""
        return str(self.outputs["QueueProcessOrder"])

    @property
    def worker(self) -> str:
        """The worker's function."""
        return str(self.outputs["WorkerProcessOrder"])

    def environment(self, function: str) -> dict[str, str]:
        """Return what a deployed function finds in its environment, for one that runs here."""
        found = self.client("lambda").get_function_configuration(FunctionName=function)
        own = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": self.system.aws_endpoint, "AWS_REGION": REGION}
        return {**own, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS, **found["Environment"]["Variables"]}

    def value(self, query: str, *values: Any) -> Any:
        """Return the one value that a query gives."""
        with psycopg.connect(self.system.direct_url, autocommit=True) as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None

    def empty(self) -> None:
        """Remove all rows, messages, requests and events."""
        with psycopg.connect(self.system.admin_url, autocommit=True) as admin:
            admin.execute(
                "truncate public.orders, bridge.message, bridge.posted, net.http_request_queue,"
                " net._http_response cascade"
            )
        self.client("sqs").purge_queue(QueueUrl=self.queue)

    def _mapping(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.client("lambda").list_event_source_mappings()[
            "EventSourceMappings"
        ]
        name = self.queue.rpartition("/")[2]
        return next(mapping for mapping in found if mapping["EventSourceArn"].rpartition(":")[2] == name)

    def _let_work(self, *, works: bool) -> None:
        self.client("lambda").update_event_source_mapping(UUID=self._mapping()["UUID"], Enabled=works)


@contextlib.contextmanager
def deployed(say: Callable[[str], None]) -> Iterator[Deployment]:
    """Start the system and deploy to it; `say` is told of each step."""
    with System(say=say) as system:
        with psycopg.connect(system.direct_url, autocommit=True) as connection:
            connection.execute(SCHEMA.read_bytes())
        say("Deploying (cdk deploy)")
        deploy.bootstrap(system)
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "bridge.toml"
            config.write_text(CONFIG + deploy.routes(), "utf-8")
            outputs = deploy.deploy(system, config=config)
        with Deployment(system, outputs) as deployment:
            yield deployment
