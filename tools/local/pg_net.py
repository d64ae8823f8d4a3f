"""The handle of pg_net's worker: the stand-in's process, or the extension's, which the server owns."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psycopg

from tools.errors import LocalError, StartError, with_log
from tools.processes import Process, spawn

ROOT = Path(__file__).parents[2]
START_SECONDS = 30
SEEN = """
select from pg_stat_activity where datname = current_database() and application_name like 'pg\\_net %'
"""
EMPTY = "truncate net.http_request_queue, net._http_response"


class PgNet(Protocol):
    """What can be done with pg_net's worker."""

    real: bool

    def start(self) -> None: ...

    def stop(self) -> None: ...


class RealPgNet:
    """The extension's own worker."""

    real = True

    def start(self) -> None:
        """Do nothing: the server keeps its worker running."""

    def stop(self) -> None:
        """Refuse.

        Raises:
            LocalError: always; the worker belongs to the database server.
        """
        raise LocalError(
            "pg_net's worker, if this database has one, is the extension's: it belongs to the server "
            "and can't be stopped from here. Unset DATABASE_URL to try this with a local server."
        )


class StandIn:
    """The stand-in's worker, a process."""

    real = False

    def __init__(
        self, url: str, log: Path, *, record: Callable[[Process], None], process: Process | None = None
    ) -> None:
        """Prepare it.

        Args:
            url: the direct address of the database, of a superuser as the real worker is.
            log: where its output goes.
            record: told of each process that is started, so that it is found again.
            process: a worker that another process started.
        """
        self._url = url
        self._log = log
        self._record = record
        self.process = process

    def start(self) -> None:
        """Start the worker unless it runs, and wait until it is connected.

        Raises:
            StartError: it ended at once; the message holds the end of its log.
        """
        if self.running():
            return
        # The address travels in the environment: arguments are visible to every user of the machine.
        process = spawn(
            [sys.executable, "-m", "tools.local.pg_net_worker"],
            log=self._log,
            environment={"PYTHONPATH": str(ROOT), "PG_NET_DATABASE_URL": self._url},
            directory=ROOT,
            record=self._remember,
        )
        if not process.came_up(self._connected, seconds=START_SECONDS):
            self.stop()
            raise StartError(with_log("The stand-in for pg_net's worker did not start.", self._log))

    def stop(self) -> None:
        """End the worker; the batch under way rolls back and stays queued. Harmless twice."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def crash(self) -> None:
        """Do to pg_net what a crash of the server does: the worker dies, queue and responses are emptied."""
        if self.process is not None:
            self.process.stop(timeout=0)
            self.process = None
        with psycopg.connect(self._url) as connection:
            connection.execute(EMPTY)

    def running(self) -> bool:
        return self.process is not None and self.process.alive()

    def _remember(self, process: Process) -> None:
        self.process = process
        self._record(process)

    def _connected(self) -> bool:
        with psycopg.connect(self._url) as connection:
            return connection.execute(SEEN).fetchone() is not None
