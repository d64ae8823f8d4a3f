"""README is short, and its commands name what they reach."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
MOST_WORDS = 1_500
# Commands of make that run for one stage; without it they would choose for whoever copies them.
OF_A_STAGE = {"dead-letters", "deploy", "follow", "github", "init", "redrive", "review", "secrets"}


def should_be_read_in_a_few_minutes() -> None:
    # As `wc -w` counts: code, tables and the diagram included.
    assert len(README.split()) <= MOST_WORDS


@pytest.mark.parametrize("command", sorted(set(re.findall(r"npx cdk ([^`\n]+)", README))))
def should_name_the_stage_of_every_command_that_reaches_aws(command: str) -> None:
    assert "-c stage=" in command


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^make ([^#\n]+)", README, re.MULTILINE))))
def should_name_the_stage_of_every_make_target_that_has_one(command: str) -> None:
    target, *options = command.split()
    assert (target in OF_A_STAGE) == any(option.startswith("STAGE=") for option in options)
