"""The README names settings and commands that exist, all of them, with their defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.settings import Function, Stage, Target, Webhook, Worker

if TYPE_CHECKING:
    from stacks.settings.section import Section

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECTIONS: dict[str, type[Section]] = {
    "[[webhooks]]": Webhook,
    "[[targets]]": Target,
    "[functions.NAME]": Function,
    "[workers.NAME]": Worker,
    "[stages.NAME]": Stage,
}


def rows(section: str) -> dict[str, str]:
    """The keys that a settings table documents, each with its default as written."""
    table = README.split(f"### `{section}`")[1].split("\n#")[0]
    found: dict[str, str] = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            _, keys, defaults, *_ = line.split("|")
            names = re.findall(r"`(\w+)`", keys)
            values = [value.strip(" `") for value in defaults.split(",")]
            found |= dict(zip(names, values * (len(names) // len(values)), strict=True))
    return found


@pytest.mark.parametrize("section", SECTIONS)
def should_document_every_setting(section: str) -> None:
    assert set(rows(section)) == set(SECTIONS[section].model_fields)


@pytest.mark.parametrize("section", SECTIONS)
def should_state_the_true_defaults(section: str) -> None:
    for name, written in rows(section).items():
        field = SECTIONS[section].model_fields[name]
        if field.is_required():
            assert written == "required", name
        elif isinstance(field.default, bool | int):
            assert written == json.dumps(field.default), name
        elif isinstance(field.default, str):
            assert written == field.default, name


@pytest.mark.parametrize("command", sorted(set(re.findall(r"npx cdk ([^`\n]+)", README))))
def should_name_the_stage_of_every_command_that_reaches_aws(command: str) -> None:
    assert command == "synth" or "-c stage=" in command
