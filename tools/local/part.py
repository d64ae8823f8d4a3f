"""What every part of the local system is: started and stopped, by hand or as a context manager."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx

from tools.errors import StartError, with_log
from tools.local.directories import RunDirectory
from tools.local.ports import HOST, on_free_port
from tools.processes import Process, spawn


class Part(ABC):
    """A part that runs between `start()` and `stop()`."""

    @abstractmethod
    def start(self) -> Self:
        """Start it; when that fails, nothing of it is left running."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it and remove what it made; harmless twice."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class HttpPart(Part):
    """One process that answers HTTP on a port of 127.0.0.1; stopped and started again, on the same one.

    Attributes:
        name: of its directory and its files.
        title: what an error calls it.
        command: what runs it.
        start_seconds: within which it must answer.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    command: ClassVar[tuple[str, ...]]
    start_seconds: ClassVar[float] = 30

    def __init__(self, *, run_directory: RunDirectory, log: Path, port: int = 0) -> None:
        """Prepare it.

        Args:
            run_directory: where it may keep files; gone with it.
            log: where its output goes.
            port: to listen on; 0: any that is free.
        """
        self._directory = run_directory
        self._log = log
        self._home: Path | None = None
        self.port = port
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """Its address, without trailing slash."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            StartError: it did not come up; the message holds the end of its log.
        """
        try:
            if self.port:
                self._launch(self.port)
            else:
                on_free_port(self._launch)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it with what it started; harmless twice."""
        if self.process is not None:
            self.process.stop(timeout=5)
            self.process = None

    @abstractmethod
    def _environment(self) -> dict[str, str]:
        """Return the environment of the process, which listens on `self.port`."""

    @abstractmethod
    def _is_up(self, client: httpx.Client) -> bool:
        """Return whether it answers as itself; may raise httpx.HTTPError or ValueError where it doesn't."""

    @property
    def home(self) -> Path:
        """A directory of its own, made when it is first needed."""
        if self._home is None:
            self._home = self._directory.make(self.name)
        return self._home

    def _settings_file(self, settings: Mapping[str, Any]) -> str:
        """Write `settings` where only this user can read them: environments are visible to more."""
        path = self._directory.path / f"{self.name}.settings.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(settings))
        return str(path)

    def _launch(self, port: int) -> None:
        self.port = port
        process = spawn(
            self.command,
            log=self._log,
            environment=self._environment(),
            directory=self.home,
            record=self._remember,
        )
        if not process.came_up(self._answers, seconds=self.start_seconds):
            self.stop()
            raise StartError(with_log(f"{self.title} did not start on port {port}.", self._log))

    def _remember(self, process: Process) -> None:
        self.process = process
        self._directory.add(process)

    def _answers(self) -> bool:
        try:
            with httpx.Client(base_url=self.url, timeout=2, trust_env=False) as client:
                return self._is_up(client)
        except (httpx.HTTPError, ValueError):
            return False
