"""The checks of an adopter's own code: what they find, and what they leave running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A stage of this machine alone is not synthesised for the review.
STAGE = '[stages.local]\nlayer_platform = "local"\n'
HANDLER = """\
from psycopg import Connection

from bridge.events import Event
from bridge.worker import worker


@worker
def handler(event: Event, db: Connection) -> None:
    db.execute("select %s", [event.row["id"]])
"""
TEST = """\
def test_addition() -> None:
    assert 1 + 1 == {total}
"""
ENDLESS = """\
import test from 'node:test'

test('never ends', () => {
  for (;;);
})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A declaration with a worker beside it; its text and its code are the test's to change."""
    (tmp_path / "bridge.toml").write_text(STAGE)
    worker = tmp_path / "workers" / "count_visits"
    worker.mkdir(parents=True)
    (worker / "__init__.py").touch()
    (worker / "handler.py").write_text(HANDLER)
    return tmp_path


def command(project: Path) -> list[str]:
    return [sys.executable, "-m", "tools.check", "--config", str(project / "bridge.toml")]


def check(project: Path) -> tuple[int, str]:
    result = subprocess.run(
        command(project), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return result.returncode, result.stdout


def should_pass_where_nothing_is_declared(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(STAGE)
    assert check(tmp_path) == (0, "All checks passed.\n")


def should_pass_a_worker_with_a_test(project: Path) -> None:
    (project / "workers" / "count_visits" / "test_handler.py").write_text(TEST.format(total=2))
    code, said = check(project)
    assert code == 0, said
    assert "1 passed" in said


@pytest.mark.parametrize(
    ("file", "text", "failed"),
    [
        ("handler.py", HANDLER.replace("event.row", "event.raw"), "Types (mypy)"),
        ("handler.py", HANDLER.replace("\n\n\n@", "\n@"), "Format (ruff)"),
        ("handler.py", f"import os\n{HANDLER}", "Style (ruff)"),
        ("test_handler.py", TEST.format(total=3), "Tests (pytest)"),
        ("index.test.mjs", "throw new Error('broken')\n", "Tests (node)"),
    ],
)
def should_name_what_failed(project: Path, file: str, text: str, failed: str) -> None:
    (project / "workers" / "count_visits" / file).write_text(text)
    code, said = check(project)
    assert code == 1
    assert f"Failed: {failed}" in said or failed in said.rpartition("Failed: ")[2]


def should_leave_to_taste_what_is_no_mistake_wherever_the_code_is(project: Path) -> None:
    handler = project / "workers" / "count_visits" / "handler.py"
    handler.write_text('def handler(event, db):\n    print("event", event)\n')
    (handler.parent / "__init__.py").unlink()
    code, said = check(project)
    assert code == 0, said


def should_take_a_conftest_of_workers_and_one_of_functions(project: Path) -> None:
    (project / "functions").mkdir()
    for kind in ("workers", "functions"):
        (project / kind / "conftest.py").write_text('"""Fixtures."""\n')
    code, said = check(project)
    assert code == 0, said


def should_look_at_nothing_that_is_installed(project: Path) -> None:
    for folder in (".venv", "node_modules"):
        installed = project / "workers" / "count_visits" / folder / "library"
        installed.mkdir(parents=True)
        (installed / "test_library.py").write_text(TEST.format(total=3))
        (installed / "index.test.mjs").write_text("throw   1")
    code, said = check(project)
    assert code == 0, said


def should_say_what_is_wrong_with_the_declaration(project: Path) -> None:
    (project / "bridge.toml").write_text("[stages.local]\nlayer_platfrom = 'local'\n")
    code, said = check(project)
    assert code == 1
    assert 'did you mean "layer_platform"?' in said


def should_leave_nothing_running_when_it_is_interrupted(project: Path) -> None:
    file = project / "workers" / "count_visits" / "index.test.mjs"
    file.write_text(ENDLESS)
    with subprocess.Popen(command(project), cwd=ROOT, stdout=subprocess.PIPE, text=True) as checking:
        while len(running(file)) < 2:
            assert checking.poll() is None
            time.sleep(0.1)
        checking.send_signal(signal.SIGINT)
        assert checking.wait(timeout=60) == 130
    deadline = time.monotonic() + 60
    while running(file) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(file) == []


def running(file: Path) -> list[int]:
    """Processes of Node.js with a file among their arguments: its test runner, and what that has started."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            arguments = (process / "cmdline").read_text() if process.name.isdigit() else ""
        except OSError:
            continue
        if str(file) in arguments and "node" in arguments and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def should_check_the_same_wherever_it_is_called_and_however_the_file_is_named(project: Path) -> None:
    (project / "workers" / "count_visits" / "test_handler.py").write_text(TEST.format(total=3))
    result = subprocess.run(
        [sys.executable, "-m", "tools.check", "--config", "bridge.toml"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (result.returncode, "Failed: Tests (pytest)" in result.stdout) == (1, True), result.stdout
