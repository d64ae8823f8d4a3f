"""docs/configuration.md has every setting of every section, with its true default and range."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from stacks.settings import CloudflareWorker, Function, Stage, Target, VercelProject, Webhook, Worker

if TYPE_CHECKING:
    from stacks.settings.section import Section

DOCUMENT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
SECTIONS: dict[str, type[Section]] = {
    "## `[[webhooks]]`": Webhook,
    "## `[[targets]]`": Target,
    "### `cloudflare`": CloudflareWorker,
    "### `vercel`": VercelProject,
    "## `[workers.NAME]`": Worker,
    "## `[functions.NAME]`": Function,
    "## `[stages.NAME]`": Stage,
}
FIELDS = [(section, name) for section, model in SECTIONS.items() for name in model.model_fields]


class Row(NamedTuple):
    """A setting as the document has it."""

    default: str
    allowed: str


def rows(section: str) -> dict[str, Row]:
    """Settings that a section's tables document, by name."""
    text = DOCUMENT.split(f"\n{section}\n")[1].split("\n## ")[0]
    # A stage's tables are by subject; of another section, what follows is a section of its own.
    if section != "## `[stages.NAME]`":
        text = text.split("\n### ")[0]
    documented: dict[str, Row] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            _, names, default, allowed, *_ = line.split("|")
            row = Row(default.strip(" `"), allowed.strip())
            documented |= dict.fromkeys(re.findall(r"`(\w+)`", names), row)
    return documented


@pytest.mark.parametrize("section", SECTIONS)
def should_document_every_setting_and_no_other(section: str) -> None:
    assert set(rows(section)) == set(SECTIONS[section].model_fields)


@pytest.mark.parametrize(("section", "name"), FIELDS)
def should_state_the_true_default(section: str, name: str) -> None:
    field, written = SECTIONS[section].model_fields[name], rows(section)[name].default
    if field.is_required():
        assert written == "required"
    elif isinstance(field.default, bool | int):
        assert written == json.dumps(field.default)
    elif isinstance(field.default, str):
        assert written == field.default
    elif isinstance(field.default, tuple) and field.default:
        assert written == ", ".join(field.default)


@pytest.mark.parametrize(("section", "name"), FIELDS)
def should_state_the_true_range_of_a_number(section: str, name: str) -> None:
    field = SECTIONS[section].model_fields[name]
    if number := re.match(r"(\d+) to (\d+)", field.description or ""):
        least, most = (f"{int(text):,}" for text in number.groups())
        assert rows(section)[name].allowed.startswith(f"{least} to {most} ")
