"""Processes that may outlive the one that started them, and are found again by id and start time."""

import contextlib
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Kept so that a child can be reaped, and so that its end is seen at once.
_children: dict["Process", subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Process:
    """A process by id and start time: an id alone may by now belong to another process."""

    pid: int
    started: str

    @classmethod
    def current(cls) -> "Process":
        return cls(os.getpid(), _start_time(os.getpid()) or "")

    def alive(self) -> bool:
        child = _children.get(self)
        if child is not None:
            # While its last threads end, a child is a zombie already but can't be reaped yet.
            return child.poll() is None
        return _start_time(self.pid) == self.started

    def stop(self, *, how: signal.Signals = signal.SIGTERM, timeout: float = 20, group: bool = True) -> None:
        """End the process, with its group unless `group` is false; kill it after `timeout` seconds.

        Ctrl-C waits: what only half ended would be left running.
        """
        with interrupted_later():
            if self.alive():
                _send(self.pid, how, group=False)
                if not self.wait(timeout):
                    _send(self.pid, signal.SIGKILL, group=group)
                    self.wait(timeout)
            if group and _start_time(self.pid) in {None, self.started}:
                # What the process left behind in its group, such as the emulator's Lambda functions.
                _send(self.pid, signal.SIGKILL, group=True)

    def came_up(self, ready: Callable[[], bool], *, seconds: float) -> bool:
        """Return whether `ready` came true within `seconds`, while the process ran."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if ready():
                # What answers may be another program on the same port, while this one is about to give up.
                return self.alive()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return False

    def wait(self, timeout: float) -> bool:
        """Return whether the process ended within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def kill_family(process: Process, *, timeout: float = 10) -> None:
    """Kill a process and its children with SIGKILL, at once, also those with a session of their own."""
    family = [process, *children(process.pid)]
    with interrupted_later():
        for member in family:
            _send(member.pid, signal.SIGKILL, group=False)
        for member in family:
            member.wait(timeout)


def children(pid: int) -> list[Process]:
    """Return the processes that `pid` has started and that still run."""
    listed = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, text=True, check=True
    )
    pairs = [line.split() for line in listed.stdout.splitlines()]
    found = [int(child) for child, parent in pairs if int(parent) == pid]
    return [Process(child, started) for child in found if (started := _start_time(child)) is not None]


def spawn(  # noqa: PLR0913 - all of them are what makes a process
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    directory: Path,
    record: Callable[[Process], None],
    user: str | None = None,
) -> Process:
    """Start `command` in a session of its own, output appended to `log`; `user` needs root.

    `record` is told of the process before Ctrl-C can interrupt, so that none starts and is forgotten.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with interrupted_later():
        process = _spawn(command, log, environment, directory, user)
        record(process)
    return process


def _spawn(
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str],
    directory: Path,
    user: str | None,
) -> Process:
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
            **_identity(user),
        )
    process = Process(child.pid, _start_time(child.pid) or "")
    _children[process] = child
    return process


def run(  # noqa: PLR0913 - as `spawn`
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    directory: Path,
    user: str | None = None,
    text: str = "",
    output: IO[str] | None = None,
    timeout: float | None = None,
) -> tuple[int, str]:
    """Run `command` to its end, in a session of its own; return its exit code and its output.

    Args:
        command: the program and its arguments.
        environment: all of it.
        directory: where it runs.
        user: as whom; needs root.
        text: its input.
        output: where its output goes, instead of being returned.
        timeout: seconds that it may take.

    Raises:
        subprocess.TimeoutExpired: it took longer; it is killed, with what it started.
    """
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if output is None else output,
        stderr=subprocess.STDOUT,
        cwd=directory,
        env=dict(environment),
        start_new_session=True,
        text=True,
        **_identity(user),
    ) as child:
        try:
            said, _ = child.communicate(text, timeout)
        except BaseException:
            # With what it started itself: that would go on writing.
            _send(child.pid, signal.SIGKILL, group=True)
            raise
    return child.returncode, said or ""


@contextlib.contextmanager
def interrupted_later() -> Iterator[None]:
    """Hold what ends a process back to the end of the block; blocked, it would be so in the child too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python interrupts the main thread only
        return
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in ENDING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def end_as_interrupted() -> None:
    """Take a time limit or a closed terminal as Ctrl-C, so that nothing is left running."""
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _identity(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _send(pid: int, how: signal.Signals, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, how)
        else:
            os.kill(pid, how)


def _start_time(pid: int) -> str | None:
    """Return when the process started, in the system's own words; None for none or an ended one."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    found = subprocess.run(
        ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = found.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()
