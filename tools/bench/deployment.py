"""The whole system, deployed, with a worker that leaves its queue alone."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psycopg

from stacks.names import queue_name
from tools.bench.sink import Sink
from tools.local import deploy
from tools.local.aws import CREDENTIALS, REGION, client
from tools.local.declaration import SHOP, routes, write_declaration
from tools.local.part import Part
from tools.local.system import System

ROOT = Path(__file__).parents[2]
SCHEMA = SHOP / "schema.sql"
PER_ROW = ROOT / "tools" / "bench" / "alternatives" / "per_row_trigger.sql"
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
allowed_target_ranges = ["127.0.0.0/8"]
"""
# The same rows for a target outside, and for the per-row trigger; each captured by nothing else.
OUTSIDE, FORWARDED, NOTIFIED = "outside", "public.forwarded", "public.notified"
WEBHOOK_OUTSIDE = f"""
[[targets]]
name = "{OUTSIDE}"
url = "https://sink.example/{{webhook}}"

[[webhooks]]
name = "order.forwarded"
table = "{FORWARDED}"
operations = ["insert"]
target = "{OUTSIDE}"
"""
TABLES = f"""
create table {FORWARDED} (like public.orders including all);
create table {NOTIFIED} (like public.orders including all);
"""
UNMAKE = f"drop table if exists {FORWARDED}, {NOTIFIED}; drop function if exists public.notify_order()"


class Outside(Part):
    """The target outside: a sink that gives receipts, and what the per-row trigger posts to.

    Args:
        system: a running one.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self.sink = Sink()

    @property
    def target_urls(self) -> str:
        """As `-c target_urls=…` takes them."""
        return f"{OUTSIDE}={self.sink.url}/{{webhook}}"

    def start(self) -> Self:
        """Start the sink, and make the tables."""
        self.sink.start()
        with psycopg.connect(self._system.direct_url, autocommit=True) as connection:
            connection.execute(TABLES.encode())
            trigger = PER_ROW.read_text("utf-8").replace("public.orders", NOTIFIED)
            connection.execute(trigger.replace("{url}", self.sink.url).encode())
        return self

    def give_receipts(self) -> None:
        """Let the sink sign, once the secrets stack has made its secret."""
        self.sink.secret = deploy.signing_secret(self._system, f"target-{OUTSIDE}")

    def stop(self) -> None:
        self.sink.stop()
        with psycopg.connect(self._system.direct_url, autocommit=True) as connection:
            connection.execute(UNMAKE.encode())


class Deployment(Part):
    """A deployed bridge whose worker is off: measured is the way to its queue, and to a target outside.

    Args:
        system: a running one.
        outputs: of its bridge stack.
        sink: the target outside.
    """

    def __init__(self, system: System, outputs: Mapping[str, Any], sink: Sink) -> None:
        self.system = system
        self.outputs = outputs
        self.sink = sink

    def start(self) -> Self:
        """Take the worker from its queue."""
        self._let_work(works=False)
        return self

    def stop(self) -> None:
        """Give it back, and lift the receivers' limit."""
        self._let_work(works=True)
        self.limit_receivers(None)

    def limit_receivers(self, most: int | None) -> None:
        """Let so many receivers run at a time, as `receiver_concurrency` does in AWS; None: any number.

        Here and not in bridge.toml: the emulator's CloudFormation leaves the limit out.
        """
        functions, name = self.client("lambda"), str(self.outputs["ReceiveWebhookFunction"])
        if most is None:
            functions.delete_function_concurrency(FunctionName=name)
        else:
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=most)

    def client(self, service: Any) -> Any:
        """Make a service's client."""
        return client(service, self.system.aws_endpoint)

    @property
    def queue(self) -> str:
        """The address of the worker's queue."""
        return f"{self.outputs['QueueAddress']}{queue_name(deploy.STAGE, 'process_order')}"

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
            tables = f"public.orders, {FORWARDED}, {NOTIFIED}, bridge.message, bridge.posted"
            admin.execute(f"truncate {tables}, net.http_request_queue, net._http_response cascade".encode())
        self.client("sqs").purge_queue(QueueUrl=self.queue)

    def queued(self) -> int:
        """Count the events in the worker's queue."""
        name = "ApproximateNumberOfMessages"
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        return int(found["Attributes"][name])

    def instances(self, output: str) -> list[Path]:
        """Return the processes, as folders of /proc, in which the emulator runs a function: its instances."""
        named = {
            f"AWS_LAMBDA_FUNCTION_NAME={self.outputs[output]}".encode(),
            # Another system on this machine has functions of the same names.
            f"AWS_ENDPOINT_URL={self.system.aws_endpoint}".encode(),
        }
        folders = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if named <= {*(folder / "environ").read_bytes().split(b"\0")}:
                    folders.append(folder)
        return folders

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
        with Outside(system) as outside, tempfile.TemporaryDirectory() as folder:
            config = write_declaration(CONFIG + WEBHOOK_OUTSIDE + routes(), Path(folder))
            outputs = deploy.deploy(
                system,
                config=config,
                context={"target_urls": outside.target_urls},
                once_filled=outside.give_receipts,
            )
            with Deployment(system, outputs, outside.sink) as deployment:
                yield deployment
