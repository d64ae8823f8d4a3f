"""A PostgreSQL server of this run alone: fresh data, a free port of 127.0.0.1, the roles of Supabase."""

import secrets
import shutil
import signal
from pathlib import Path
from typing import Self

import psycopg

from tools.errors import StartError, with_log
from tools.local import programs
from tools.local.directories import RunDirectory, open_to_all
from tools.local.part import Part
from tools.local.ports import HOST, on_free_port
from tools.processes import Process, interrupted_later, kill_family, run, spawn

ROLES = Path(__file__).parent / "sql" / "roles.sql"
START_SECONDS = 60
SUPERUSER = "supabase_admin"
OWNER = "postgres"


class Server(Part):
    """A server with `supabase_admin` as superuser and `postgres` as owner of the database `postgres`.

    Use it as a context manager, or `start()` and `stop()`. `url()` is the deploying role's address.
    """

    def __init__(
        self,
        *,
        fsync: bool = True,
        major: int | None = None,
        run_directory: RunDirectory | None = None,
        log: Path | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            fsync: whether a commit waits for the disk; without, tests are faster and a power cut loses data.
            major: the major version to run; default: that of the server of PyPI, or the machine's newest.
            run_directory: where its data goes; default: one of its own, removed by `stop()`.
            log: the server's log, kept; default: in the run directory, gone with it.
        """
        self._fsync = fsync
        self._major = major
        self._given_directory = run_directory
        self._given_log = log
        self._password = secrets.token_hex(24)
        self._directory: RunDirectory | None = None
        self.port = 0
        self.process: Process | None = None

    def start(self) -> Self:
        """Create the data directory, start the server, create the roles.

        Raises:
            MissingProgramError: `major`, or else PostgreSQL 15 or newer, is not installed.
            StartError: the server did not come up; the message holds the end of its log.
        """
        self._binaries = programs.postgres_binaries(self._major)
        self._user = programs.service_user()
        try:
            with interrupted_later():
                self._directory = self._given_directory or RunDirectory()
            self._log = self._given_log or self._directory.path / "postgres.log"
            self._home = self._directory.make("postgres", self._user)
            if self._user is not None and not open_to_all(self._binaries):
                self._binaries = self._copy_of_binaries(self._user)
            self._initialise()
            on_free_port(self._launch)
            with psycopg.connect(self.admin_url(), autocommit=True) as connection:
                connection.execute(ROLES.read_bytes())
                connection.execute(f"alter role postgres password '{self._password}'")
                connection.execute(f"alter role authenticator password '{self._password}'")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and remove its data; harmless twice."""
        self._end(signal.SIGINT)
        if self._directory is not None and self._given_directory is None:
            self._directory.remove()
        self._directory = None

    def crash(self) -> None:
        """Kill it with all that it has started, in the middle of what they do."""
        if self.process is not None:
            kill_family(self.process)
            self.process = None

    def start_again(self) -> None:
        """Start on the same data and port; after a crash, unlogged tables are empty, as pg_net's are.

        Raises:
            StartError: as `start`.
        """
        self._launch(self.port)

    def url(self, database: str = OWNER, user: str = OWNER) -> str:
        """Return the direct address of a database; `user` is postgres, authenticator or supabase_admin."""
        return f"postgresql://{user}:{self._password}@{HOST}:{self.port}/{database}"

    def admin_url(self, database: str = OWNER) -> str:
        """Return the superuser's address, for what an administrator of Supabase does."""
        return self.url(database, SUPERUSER)

    def _copy_of_binaries(self, user: str) -> Path:
        """Return binaries that `user` may run, where a virtual environment is closed to it, as in /root."""
        copy = self._home / "installation"
        shutil.copytree(self._binaries.parent, copy)
        for path in (copy, *copy.rglob("*")):
            shutil.chown(path, user)
        return copy / self._binaries.name

    def _initialise(self) -> None:
        password_file = self._home / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if self._user is not None:
            shutil.chown(password_file, self._user)
        code, output = run(
            [
                self._binaries / "initdb",
                f"--pgdata={self._home / 'data'}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            environment=self._environment(),
            directory=self._home,
            user=self._user,
        )
        password_file.unlink()
        if code != 0:
            raise StartError(f"initdb of {self._binaries} failed:\n{output}")

    def _launch(self, port: int) -> None:
        settings = {
            "listen_addresses": HOST,
            "port": port,
            # The path of a Unix socket must be short, that of a temporary directory need not be.
            "unix_socket_directories": "",
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
            "max_connections": 100,
            "log_min_messages": "warning",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = spawn(
            [self._binaries / "postgres", "-D", self._home / "data", *options],
            log=self._log,
            environment=self._environment(),
            directory=self._home,
            record=self._remember,
            user=self._user,
        )
        self.port = port
        if not process.came_up(self._ready, seconds=START_SECONDS):
            self._end(signal.SIGINT)
            raise StartError(with_log(f"PostgreSQL did not start on port {port}.", self._log))

    def _remember(self, process: Process) -> None:
        self.process = process
        if self._directory is not None:
            self._directory.add(process)

    def _ready(self) -> bool:
        try:
            psycopg.connect(self.admin_url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.stop(how=how)
            self.process = None

    def _environment(self) -> dict[str, str]:
        return {"PATH": f"{self._binaries}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
