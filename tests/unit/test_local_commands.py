"""Commands of the system on this machine: what they refuse before anything starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tools.local import __main__ as commands
from tools.local import shell
from tools.local.state import State

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands, "STATE", tmp_path / "state.json")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tools.local", *arguments])
    return commands.main()


def should_name_a_declaration_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "try", "--config", "nope.toml") == 1
    assert "nope.toml doesn't exist; name another file: make try CONFIG=FILE" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["up", "try"])
def should_wait_for_no_other_command_that_starts_or_deploys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with commands.alone():
        assert run(monkeypatch, command) == 1
    assert "another make up or make try of this tree is at work" in capsys.readouterr().out


def should_say_how_to_start_what_a_token_is_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "token") == 1
    assert "Start it: make try" in capsys.readouterr().out


def should_tell_a_shell_where_functions_answer(tmp_path: Path) -> None:
    state = State(
        direct_url="postgresql://postgres:x@127.0.0.1:1/postgres",
        pooled_url="",
        admin_url="",
        aws_endpoint="http://127.0.0.1:2",
        supabase_url="",
        supabase_keys={},
        stripe_url="",
        stripe_key="",
        run_directory="",
        log_directory="",
        real_pg_net=False,
        processes={},
    )
    shell.write(state, tmp_path / "environment.sh", api_url="http://127.0.0.1:2/api/$default")
    assert "export API_URL='http://127.0.0.1:2/api/$default'" in (tmp_path / "environment.sh").read_text()
    shell.write(state, tmp_path / "environment.sh")
    assert "API_URL" not in (tmp_path / "environment.sh").read_text()
