"""Processes end with what they started, and are known to have ended, whoever is impatient."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tools.local.directories import RunDirectory
from tools.processes import ENDING, Process, end_as_interrupted, interrupted_later, run, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 20
# Says that it runs, for as long as it does.
CHILD = "import sys, time; sys.stdout.write('x'); sys.stdout.flush(); time.sleep(60)"
# Starts the child, whose words go to the file that is named, and doesn't end when it is asked to.
PARENT = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1], "w") as line:
    subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=line)
time.sleep(60)
"""
THREADS = """
import threading, time
memory = bytearray(100 << 20)
for _ in range(20):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("up", flush=True)
time.sleep(60)
"""


class Line:
    """A pipe into which a child speaks: it is over when the child is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait_for(self, said: bytes) -> None:
        deadline = time.monotonic() + SECONDS
        while self._read() != said:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        os.close(self._file)

    def _read(self) -> bytes | None:
        try:
            return os.read(self._file, 1)
        except BlockingIOError:
            return None


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path / "line")
    yield line
    line.close()


def started(folder: Path, code: str, *arguments: str) -> Process:
    return spawn(
        [sys.executable, "-c", code, *arguments],
        log=folder / "log",
        environment={},
        directory=folder,
        record=lambda _process: None,
    )


def should_end_with_what_it_started(tmp_path: Path, line: Line) -> None:
    process = started(tmp_path, PARENT, str(line.path))
    line.wait_for(b"x")

    process.stop(timeout=0.1)

    assert not process.alive()
    line.wait_for(b"")


def should_be_reaped_though_its_threads_end_after_it(tmp_path: Path) -> None:
    process = started(tmp_path, THREADS)
    assert process.came_up(lambda: (tmp_path / "log").read_text() == "up\n", seconds=SECONDS)

    process.stop()

    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", ENDING)
def should_end_as_by_ctrl_c_whatever_ends_it(number: signal.Signals) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)

    end_as_interrupted()

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.usefixtures("handlers")
def should_go_on_ignoring_what_nohup_ignores() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    end_as_interrupted()
    with interrupted_later():
        signal.raise_signal(signal.SIGHUP)

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", ENDING)
def should_let_what_ends_it_wait_until_all_has_ended(
    tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    process = started(tmp_path, PARENT, str(line.path))
    line.wait_for(b"x")
    wait = Process.wait

    def interrupted(self: Process, timeout: float) -> bool:
        signal.raise_signal(number)
        return wait(self, timeout)

    monkeypatch.setattr(Process, "wait", interrupted)
    signal.signal(number, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        process.stop(timeout=0.1)

    assert not process.alive()
    line.wait_for(b"")


def should_not_forget_what_still_runs(tmp_path: Path) -> None:
    directory = RunDirectory()
    process = started(tmp_path, "import time; time.sleep(60)")
    directory.add(process)

    directory.remove()

    assert not process.alive()
    assert not directory.path.exists()


def should_kill_what_takes_too_long_with_what_it_started(tmp_path: Path, line: Line) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run([sys.executable, "-c", PARENT, line.path], environment={}, directory=tmp_path, timeout=3)

    line.wait_for(b"x")
    line.wait_for(b"")


def should_hand_over_input_and_give_back_output(tmp_path: Path) -> None:
    code = "import sys; print(sys.stdin.read()[::-1]); sys.exit(3)"

    assert run([sys.executable, "-c", code], environment={}, directory=tmp_path, text="abc") == (3, "cba\n")
