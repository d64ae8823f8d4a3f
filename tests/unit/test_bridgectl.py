"""`bridgectl`: every command by one short name, which shells complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.cli.commands import main

ROOT = Path(__file__).parents[2]
COMMANDS = ("new", "init", "secrets", "rotate", "dead-letters", "redrive", "follow", "openapi")


def bridgectl(
    *arguments: str, directory: Path = ROOT, command: Path | str = ROOT / "bridgectl", **environment: str
) -> subprocess.CompletedProcess[str]:
    interpreters = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [command, *arguments],
        cwd=directory,
        env={**os.environ, "PATH": interpreters, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def should_list_its_commands_from_any_folder_and_by_a_link(tmp_path: Path) -> None:
    link = tmp_path / "bridgectl"
    link.symlink_to(ROOT / "bridgectl")

    result = bridgectl("--help", directory=tmp_path, command=link)

    assert result.returncode == 0, result.stderr
    assert all(f"\n  {command}  " in result.stdout for command in COMMANDS)


def should_complete_commands_and_stages() -> None:
    def completed(words: str) -> list[str]:
        position = str(len(words.split(" ")) - 1)
        asked = {"_BRIDGECTL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": position}
        result = bridgectl(directory=ROOT / "examples" / "shop", **asked)
        return result.stdout.split()

    assert set(completed("bridgectl ")) >= set(COMMANDS)
    assert completed("bridgectl dead-letters re") == ["redrive"]
    assert completed("bridgectl secrets --stage p") == ["prod"]


def should_print_a_script_for_the_shell() -> None:
    result = bridgectl(_BRIDGECTL_COMPLETE="source_bash")

    assert "complete -o default -F _bridgectl_completion bridgectl" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("secret --stage prod", "No such command 'secret'. Did you mean 'secrets'?"),
        ("secrets", "Missing option '--stage'"),
        ("redrive --stage prod", "Missing argument"),
        ("rotate --stage prod --directly --end-overlap", "not allowed with --directly"),
    ],
)
def should_exit_with_2_where_it_does_not_understand(
    arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments.split())

    assert raised.value.code == 2
    assert said in capsys.readouterr().err


def should_exit_with_1_and_nothing_but_the_reason_where_it_can_not() -> None:
    result = bridgectl("secrets", "--stage", "prd")

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith('bridge.toml can\'t be used:\n  -c stage: "prd" is no stage;')
