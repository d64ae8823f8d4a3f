"""One temporary directory per running system: what it holds, who owns it, and leftovers of killed runs."""

import contextlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from tools.errors import StartError
from tools.processes import Process, interrupted_later

PREFIX = "external-compute-"
RECORD = "run.json"
REMOVALS = 10


class RunDirectory:
    """A directory of one run. It records the run's owner and processes, so that a later run can clean up."""

    def __init__(self) -> None:
        remove_leftovers()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_parent()))
        # Servers run as another user when this is root: they pass through, and own a directory inside.
        self.path.chmod(0o711)
        self._owner: Process | None = Process.current()
        self._processes: list[Process] = []
        self._record()

    def make(self, name: str, user: str | None = None) -> Path:
        """Create a directory inside that only `user` (default: this one) can enter."""
        path = self.path / name
        path.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(path, user)
        return path

    def add(self, process: Process) -> None:
        self._processes.append(process)
        self._record()

    def detach(self) -> None:
        """Record that its processes are meant to outlive this one."""
        self._owner = None
        self._record()

    def remove(self) -> None:
        """Remove it, once it is sure that none of its processes runs: with it goes what finds them again.

        What a process that is just ending still writes is removed in another attempt.
        """
        with interrupted_later():
            for process in reversed(self._processes):
                if process.alive():
                    process.stop(timeout=5)
            for _ in range(REMOVALS):
                shutil.rmtree(self.path, ignore_errors=True)
                if not self.path.exists():
                    return
                time.sleep(0.1)

    def _record(self) -> None:
        record = {
            "owner": self._owner and vars(self._owner),
            "processes": [vars(process) for process in self._processes],
        }
        target = self.path / RECORD
        partial = target.with_suffix(".partial")
        partial.write_text(json.dumps(record))
        partial.chmod(0o600)
        partial.replace(target)


def remove_leftovers() -> None:
    """Stop and remove what runs left behind that were killed before they could."""
    for path in _parent().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if path.stat().st_uid != os.geteuid():
                continue
            record = json.loads((path / RECORD).read_text())
            if record["owner"] is None or Process(**record["owner"]).alive():
                continue
            for process in reversed(record["processes"]):
                Process(**process).stop(timeout=5)
            shutil.rmtree(path, ignore_errors=True)


def _parent() -> Path:
    """Return the directory for temporary files; as root, one that other users can pass through."""
    for candidate in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp's parent
        if os.geteuid() != 0 or open_to_all(candidate):
            return candidate.resolve()
    raise StartError("no directory for temporary files that every user can enter: set TMPDIR to one")


def open_to_all(path: Path) -> bool:
    """Return whether every user can enter the directory `path`."""
    chain = [path.resolve(), *path.resolve().parents]
    return path.is_dir() and all(folder.stat().st_mode & 0o001 for folder in chain)
