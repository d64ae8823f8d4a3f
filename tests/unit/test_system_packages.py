"""What `make setup` says on a machine that lacks something, before it installs anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "local" / "system_packages.sh"
TOOLS = ("sh", "make", "id", "uname", "ls", "grep")
PROGRAMS = ("pgbouncer", "git", "ps")


class Machine:
    """A machine that has only what is in one folder; not root, so that nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for tool in TOOLS:
            program = shutil.which(tool)
            assert program is not None
            (folder / tool).symlink_to(program)
        self.add("id", "echo 1000")

    def add(self, name: str, script: str = "exit 0") -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        path.chmod(0o755)

    def add_python(self, name: str = "python3") -> None:
        # A link would not find its library without the home of the virtual environment.
        self.add(name, f'exec "{sys.executable}" "$@"')

    def add_everything(self) -> None:
        self.add_python()
        for program in PROGRAMS:
            self.add(program)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env={"PATH": str(self.folder)}, capture_output=True, text=True, check=False
        )

    def check(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("sh", str(SCRIPT), *arguments)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def should_name_all_that_is_missing_at_once_with_one_command_for_each_platform(machine: Machine) -> None:
    answer = machine.check("local")

    assert answer.returncode == 1
    assert answer.stdout == ""
    said, *commands = answer.stderr.splitlines()
    assert said.startswith("Missing: Python 3.11 to 3.14 with venv and ensurepip, PgBouncer, git, ps.")
    assert commands[:3] == [
        "  Debian, Ubuntu:  sudo apt-get install -y python3-venv pgbouncer git procps",
        "  Fedora:          sudo dnf install -y python3.13 pgbouncer git procps-ng",
        "  macOS:           brew install python@3.13 pgbouncer git",
    ]


def should_be_what_make_setup_does_first(machine: Machine) -> None:
    answer = machine.run("make", "setup", f"PATH={machine.folder}")

    assert answer.returncode != 0
    assert answer.stdout == ""
    assert "Missing: Python" in answer.stderr


def should_find_everything_with_no_postgres_on_the_machine(machine: Machine) -> None:
    machine.add_everything()

    answer = machine.check("local")

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "python3\n", "")


def should_name_only_what_is_missing(machine: Machine) -> None:
    machine.add_everything()
    (machine.folder / "pgbouncer").unlink()

    answer = machine.check("local")

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[1].endswith("apt-get install -y pgbouncer")


def should_need_python_alone_to_deploy(machine: Machine) -> None:
    machine.add_python()

    assert machine.check().returncode == 0


def should_ask_for_the_package_that_debian_keeps_apart_from_python(machine: Machine) -> None:
    machine.add("python3", "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1")

    answer = machine.check()

    assert answer.returncode == 1
    assert "sudo apt-get install -y python3-venv" in answer.stderr
    assert "ModuleNotFoundError" not in answer.stderr


def should_take_another_python_than_the_first(machine: Machine) -> None:
    machine.add("python3", "exit 1")
    machine.add_python("python3.12")

    assert machine.check().stdout == "python3.12\n"


def should_take_the_python_that_is_named(machine: Machine) -> None:
    machine.add_python()
    machine.add_python("mine")

    answer = machine.run("sh", "-c", f"PYTHON=mine sh {SCRIPT}")

    assert answer.stdout == "mine\n"


def should_need_a_server_of_homebrew_on_macos(machine: Machine) -> None:
    machine.add_everything()
    machine.add("uname", "echo Darwin")
    machine.add("ls", "exit 1")

    answer = machine.check("local")
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[1:] == ["  macOS:           brew install postgresql@17"]

    machine.add("ls", 'echo "$1"')
    assert machine.check("local").returncode == 0


def should_install_what_is_missing_as_root_on_debian(machine: Machine) -> None:
    machine.add_everything()
    (machine.folder / "pgbouncer").unlink()
    machine.add("id", "echo 0")
    machine.add("chmod", f'exec {shutil.which("chmod")} "$@"')
    machine.add(
        "apt-get",
        f'echo "$RUNLEVEL $*" >>{machine.folder}/calls\n'
        f'[ "$1" = update ] || {{ echo "#!/bin/sh" >{machine.folder}/pgbouncer'
        f" && chmod 755 {machine.folder}/pgbouncer; }}",
    )

    answer = machine.check("local")

    assert (answer.returncode, answer.stdout) == (0, "python3\n")
    assert (machine.folder / "calls").read_text().splitlines() == [
        "1 update",
        "1 install -y --no-install-recommends pgbouncer",
    ]


def should_say_what_root_could_not_install(machine: Machine) -> None:
    machine.add_python()
    machine.add("id", "echo 0")
    machine.add("apt-get", "exit 100")

    answer = machine.check("local")

    assert answer.returncode == 1
    assert "Missing: PgBouncer, git, ps." in answer.stderr
