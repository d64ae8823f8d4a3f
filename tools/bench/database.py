"""A Postgres whose commits wait for the disk, and a table that bridge and alternatives capture in turn."""

import base64
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psycopg

from tools.bench.sink import Sink
from tools.local import programs, supabase
from tools.local.directories import RunDirectory
from tools.local.part import Part
from tools.local.pg_net import StandIn
from tools.local.postgres import Server

ROOT = Path(__file__).parents[2]
ALTERNATIVES = Path(__file__).parent / "alternatives"
SQL = sorted((ROOT / "sql").glob("*.sql"))
SECRET = base64.b64encode(b"of no use to anybody else").decode()
WEBHOOK, TARGET = "order.created", "process_order"
# What captures the table, by the names of its triggers.
VARIANTS = {"bare": "", "bridge": "bridge_%", "per_row": "notify_order", "http_request": "order_created"}
TABLE = """
create table public.orders (
  id bigint generated always as identity primary key,
  user_id uuid,
  items jsonb not null default '[]',
  total numeric(12, 2) not null,
  currency text not null default 'eur',
  status text not null default 'pending',
  created_at timestamptz not null default clock_timestamp()
);
create index on public.orders (user_id, id);
"""
INSERT = """
insert into public.orders (user_id, items, total)
select gen_random_uuid(), '[{"sku": "coffee", "quantity": 1, "price": 9.99}]', 9.99
"""
INSERT_NAMED = """
insert into public.orders (user_id, items, total) select gen_random_uuid(), jsonb_build_array(%s::text), 9.99
"""
TRIGGERS = "select tgname from pg_trigger where tgrelid = 'public.orders'::regclass and tgname like %s"
_LATENCY = re.compile(r"latency average = ([0-9.]+) ms")


def declaration(
    webhook_url: str, *, webhooks: Sequence[Mapping[str, Any]] = ({},), targets: Sequence[str] = (TARGET,)
) -> dict[str, Any]:
    """What the stack hands to bridge.sync: by default one webhook to one queue.

    Args:
        webhook_url: where to post to.
        webhooks: in what each differs from that.
        targets: names of queues.
    """
    usual = {
        "name": WEBHOOK,
        "table": "public.orders",
        "operations": ["insert"],
        "columns": None,
        "when": None,
        "enabled": True,
        "targets": [TARGET],
    }
    return {
        "webhook_url": webhook_url,
        "fast_path_grace": 30,
        "retention": 7,
        "targets": [{"name": name, "kind": "queue"} for name in targets],
        "webhooks": [{**usual, **webhook} for webhook in webhooks],
    }


class Database(Part):
    """The server, pg_net, and an address that takes all that is sent."""

    def __init__(self) -> None:
        self.sink = Sink()
        self._directory = RunDirectory()
        self._server = Server(fsync=True, run_directory=self._directory)
        self._pg_net: StandIn | None = None

    @property
    def pg_net(self) -> str:
        """Which pg_net it is."""
        return "the stand-in" if self._pg_net is not None else "the extension"

    @property
    def url(self) -> str:
        return self._server.url()

    @property
    def admin_url(self) -> str:
        return self._server.admin_url()

    def start(self) -> Self:
        try:
            self.sink.start()
            self._server.start()
            self._install()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._pg_net is not None:
            self._pg_net.stop()
        self._server.stop()
        self.sink.stop()
        self._directory.remove()

    def _install(self) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute("create schema if not exists extensions")
        supabase.install(self.admin_url)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(TABLE)
            with connection.transaction():
                for file in SQL:
                    connection.execute(file.read_bytes())
                connection.execute("select bridge.set_signing_secret(%s)", [SECRET])
            self.declare(connection)
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            for name in ("per_row_trigger", "http_request"):
                text = (ALTERNATIVES / f"{name}.sql").read_text("utf-8")
                admin.execute(text.replace("{url}", self.sink.url).encode())
        if supabase.has_stand_in_pg_net(self.url):
            log = self._directory.path / "pg_net.log"
            self._pg_net = StandIn(self.admin_url, log, record=self._directory.add)
            self._pg_net.start()

    def declare(self, connection: psycopg.Connection, **declared: Any) -> None:
        """Declare what `declaration` says."""
        desired = json.dumps(declaration(self.sink.url + "/", **declared))
        connection.execute("select bridge.sync(%s::jsonb, 'bench', null)", [desired])

    def use(self, variant: str) -> None:
        """Let one variant capture the table, and empty everything."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute("alter table public.orders disable trigger user")
            for (trigger,) in admin.execute(TRIGGERS, [VARIANTS[variant]]).fetchall():
                admin.execute(f'alter table public.orders enable trigger "{trigger}"')
            self.empty(admin)

    @staticmethod
    def empty(admin: psycopg.Connection) -> None:
        """Remove all rows, messages, requests and answers, and let the disk catch up."""
        admin.execute("set lock_timeout = '30s'")
        for table in (
            *("public.orders", "bridge.message", "bridge.posted", "supabase_functions.hooks"),
            *("net.http_request_queue", "net._http_response"),
        ):
            admin.execute(f"truncate {table}")
        admin.execute("checkpoint")


def insert(url: str, rows: int, *, width: int = 0) -> float:
    """Insert rows in one statement; return the seconds that it took.

    Args:
        url: of the database.
        rows: how many.
        width: bytes in each of them, besides its own few; random ones, which can't be compressed.
    """
    name = base64.b64encode(random.randbytes(width))[:width].decode()  # noqa: S311 - nothing is to be guessed
    with psycopg.connect(url, autocommit=True) as connection:
        # A connection's first statement reads the catalogue, and plans what triggers do.
        with connection.transaction(force_rollback=True):
            connection.execute(INSERT)
        began = time.perf_counter()
        connection.execute(
            f"{INSERT_NAMED} from generate_series(1, %s)"
            if width
            else f"{INSERT} from generate_series(1, %s)",
            [name, rows] if width else [rows],
        )
        return time.perf_counter() - began


def pgbench(url: str, script: str, *options: str, settings: Mapping[str, str] | None = None) -> float:
    """Run a script again and again with pgbench; return the average milliseconds of a transaction.

    Raises:
        RuntimeError: pgbench failed; the message holds what it said.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command: Sequence[str] = [
            *(str(programs.postgres_binaries() / "pgbench"), "--no-vacuum"),
            *(*options, f"--file={file.name}", url),
        ]
        given = " ".join(f"-c {name}={value}" for name, value in (settings or {}).items())
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PGOPTIONS": given}
        )
    found = _LATENCY.search(done.stdout)
    if done.returncode or not found:
        raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
    return float(found[1])
