"""Targets and callers outside AWS, on one machine: the Cloudflare Worker and the Vercel functions."""

import contextlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from examples.shop.demo import cloudflare, vercel
from tools.local import deploy
from tools.local.directories import RunDirectory
from tools.local.part import Part
from tools.local.pooler import Pooler
from tools.local.ports import free_port

if TYPE_CHECKING:
    from tools.local.system import System

ROLE = Path(__file__).parents[1] / "role.sql"
POOL_SIZE = 4
WORKER, APP = "edge_worker", "vercel_app"


class Edge(Part):
    """Both, beside a running system: the targets edge_worker and vercel_app of the shop.

    A deployment needs their addresses, and they need the secrets that it makes: `target_urls` says where
    they will be, `start` comes between the two stacks, and `admit` after them.
    """

    def __init__(self, system: "System") -> None:
        self._system = system
        self._password = secrets.token_hex(16)
        self._undo = contextlib.ExitStack()
        self._ports = {WORKER: free_port(), APP: free_port()}
        self.worker: cloudflare.Worker | None = None
        self.app: vercel.VercelApp | None = None

    @property
    def worker_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[WORKER]}"

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[APP]}"

    @property
    def target_urls(self) -> str:
        """As `-c target_urls=…` takes them."""
        urls = {
            WORKER: f"{self.worker_url}/webhook/{{webhook}}",
            APP: f"{self.app_url}/api/webhook/{{webhook}}",
        }
        return ",".join(f"{name}={url}" for name, url in urls.items())

    def start(self) -> Self:
        """Start both with the signing secrets that the secrets stack has made.

        Raises:
            MissingProgramError: the Worker's packages are not installed.
            StartError: one did not come up; the message holds the end of its log.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both; harmless twice. The database keeps the role."""
        self._undo.close()

    def admit(self) -> None:
        """Let their role do what they do, once schema bridge is there."""
        with psycopg.connect(self._system.direct_url, autocommit=True) as connection:
            connection.execute(ROLE.read_bytes())

    def _start(self) -> None:
        directory = RunDirectory()
        self._undo.callback(directory.remove)
        self._make_role()
        direct_url = self._as_role(self._system.direct_url)
        self._system.say("Starting a PgBouncer for the Vercel functions' role")
        log = self._system.log_directory / "edge_pooler.log"
        pooler = self._undo.enter_context(
            Pooler(direct_url, run_directory=directory, log=log, size=POOL_SIZE)
        )
        self._system.say("Starting the Cloudflare Worker (workerd)")
        self.worker = self._undo.enter_context(self._make_worker(directory, direct_url))
        self._system.say("Starting the Vercel functions")
        self.app = self._undo.enter_context(self._make_app(directory, pooler.url()))

    def _make_worker(self, directory: RunDirectory, database_url: str) -> cloudflare.Worker:
        settings = cloudflare.Settings(
            database_url=database_url,
            supabase_url=self._system.supabase_url,
            supabase_anon_key=self._system.anon_key,
            supabase_jwt_secret=self._system.jwt_secret,
            webhook_signing_secret=deploy.signing_secret(self._system, "target-edge-worker"),
        )
        log = self._system.log_directory / "cloudflare.log"
        return cloudflare.Worker(settings, run_directory=directory, log=log, port=self._ports[WORKER])

    def _make_app(self, directory: RunDirectory, database_url: str) -> vercel.VercelApp:
        settings = vercel.Settings(
            database_url=database_url,
            supabase_url=self._system.supabase_url,
            supabase_anon_key=self._system.anon_key,
            supabase_jwt_secret=self._system.jwt_secret,
            webhook_signing_secret=deploy.signing_secret(self._system, "target-vercel-app"),
            stripe_secret_key=self._system.stripe_key,
            stripe_api_base=self._system.stripe_url,
        )
        log = self._system.log_directory / "vercel.log"
        return vercel.VercelApp(settings, run_directory=directory, log=log, port=self._ports[APP])

    def _make_role(self) -> None:
        with psycopg.connect(self._system.direct_url, autocommit=True) as connection:
            exists = connection.execute("select to_regrole('edge')").fetchone() != (None,)
            statement = (
                "alter role edge password {}" if exists else "create role edge login noinherit password {}"
            )
            connection.execute(sql.SQL(statement).format(self._password))

    def _as_role(self, url: str) -> str:
        parts = urlsplit(url)
        address = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"edge:{self._password}@{address}"))
