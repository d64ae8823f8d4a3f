"""PgBouncer in transaction mode, as self-hosted Supabase pools: 20 connections to the server."""

import shutil
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg.rows import dict_row

from tools.errors import StartError, with_log
from tools.local import programs
from tools.local.directories import RunDirectory
from tools.local.part import Part
from tools.local.ports import HOST, on_free_port
from tools.processes import Process, run, spawn

POOL_SIZE = 20
# More than Supabase's 100: what exhausts the pool is the settings' business here, not the pooler's.
CLIENTS = 400
START_SECONDS = 15
CONSOLE = "pgbouncer"
# Since this version PgBouncer can prepare statements in transaction mode; Supabase's pooler can't.
PREPARES = (1, 21)


class Pooler(Part):
    """A pooler in front of one server, for the one role that its address names.

    Attributes:
        size: how many connections to the server it has.
    """

    def __init__(
        self,
        direct_url: str,
        *,
        run_directory: RunDirectory,
        log: Path,
        size: int = POOL_SIZE,
        clients: int = CLIENTS,
    ) -> None:
        """Prepare it.

        Args:
            direct_url: the server's address, with role and password.
            run_directory: where its files go.
            log: where its output goes.
            size: connections to the server.
            clients: connections that it accepts.
        """
        self._server = urlsplit(direct_url)
        self.size = size
        self._clients = clients
        self._directory = run_directory
        self._log = log
        self.port = 0
        self.process: Process | None = None

    def start(self) -> Self:
        """Start it and wait until a connection goes through.

        Raises:
            MissingProgramError: PgBouncer is not installed.
            StartError: it did not come up; the message holds the end of its log.
        """
        self._program = programs.pgbouncer()
        self._user = programs.service_user()
        self._home = self._directory.make("pooler", self._user)
        try:
            on_free_port(self._launch)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it at once; harmless twice."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def start_again(self) -> None:
        """Start what `stop` stopped, on the same port.

        Raises:
            StartError: as `start`.
        """
        self._launch(self.port)

    def url(self, database: str | None = None) -> str:
        """Return the pooled address of the role and database that the direct one names."""
        credentials = self._server.netloc.rpartition("@")[0]
        path = self._server.path if database is None else f"/{database}"
        return urlunsplit(self._server._replace(netloc=f"{credentials}@{HOST}:{self.port}", path=path))

    def under_way(self) -> int:
        """Return how many clients are in a transaction, or wait to begin one."""
        # PgBouncer's console takes no parameters and no transactions.
        with psycopg.connect(self.url(CONSOLE), autocommit=True, prepare_threshold=None) as connection:
            cursor = psycopg.ClientCursor(connection, row_factory=dict_row)
            pools = cursor.execute("show pools").fetchall()
        return sum(
            int(pool["sv_active"]) + int(pool["cl_waiting"]) for pool in pools if pool["database"] != CONSOLE
        )

    def _launch(self, port: int) -> None:
        users = self._write(
            "users.txt", f'"{_quoted(self._server.username)}" "{_quoted(self._server.password)}"\n'
        )
        settings = self._write("pgbouncer.ini", self._settings(port, users))
        process = spawn(
            [self._program, settings],
            log=self._log,
            environment={"PATH": "/usr/bin:/bin"},
            directory=self._home,
            record=self._remember,
            user=self._user,
        )
        self.port = port
        if not process.came_up(self._ready, seconds=START_SECONDS):
            self.stop()
            raise StartError(with_log(f"PgBouncer did not start on port {port}.", self._log))

    def _settings(self, port: int, users: Path) -> str:
        lines = [
            "[databases]",
            f"* = host={self._server.hostname} port={self._server.port or 5432}",
            "[pgbouncer]",
            f"listen_addr = {HOST}",
            f"listen_port = {port}",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            f"auth_file = {users}",
            "pool_mode = transaction",
            f"default_pool_size = {self.size}",
            f"max_client_conn = {self._clients}",
            "ignore_startup_parameters = extra_float_digits",
            "log_connections = 0",
            "log_disconnections = 0",
            f"stats_users = {unquote(self._server.username or '')}",
        ]
        if self._version() >= PREPARES:
            lines.append("max_prepared_statements = 0")
        return "\n".join([*lines, ""])

    def _version(self) -> tuple[int, ...]:
        _, output = run([self._program, "--version"], environment={}, directory=Path("/"))
        words = output.split()
        return tuple(int(part) for part in words[1].split(".")[:2]) if len(words) > 1 else (0, 0)

    def _write(self, name: str, text: str) -> Path:
        path = self._home / name
        path.touch(mode=0o600)
        path.write_text(text)
        if self._user is not None:
            shutil.chown(path, self._user)
        return path

    def _remember(self, process: Process) -> None:
        self.process = process
        self._directory.add(process)

    def _ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2, prepare_threshold=None).close()
        except psycopg.OperationalError:
            return False
        return True


def _quoted(text: str | None) -> str:
    return unquote(text or "").replace('"', '""')
