"""The runbook's commands and links: there, and written as a shell reads them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUNBOOK = (DOCS / "operations.md").read_text("utf-8")
SHELL = [
    re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
    for indent, block in re.findall(r"^( *)```sh\n(.*?)^ *```$", RUNBOOK, re.MULTILINE | re.DOTALL)
]


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("block", SHELL)
def should_be_read_by_a_shell(block: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^ *(make .+?)(?: {2,}#.*)?$", RUNBOOK, re.MULTILINE)))
)
def should_name_make_targets_that_exist(command: str) -> None:
    dry = f"{command} --dry-run --assume-old=packages"
    made = subprocess.run(["bash", "-c", dry], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "--stage prod" in made.stdout


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)]+)\)", RUNBOOK))))
def should_link_to_headings_that_are_there(link: str) -> None:
    file, _, heading = link.partition("#")
    text = (DOCS / file).read_text("utf-8") if file else RUNBOOK
    assert heading in {anchor(line) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
