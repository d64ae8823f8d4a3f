"""README and docs name only what is there: links, make targets, SQL functions, paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {".venv", "node_modules", "build", "cdk.out", ".hypothesis", ".pytest_cache"}
# The adopter's, whatever they say.
YOURS = (ROOT / "lambda_src" / "workers", ROOT / "lambda_src" / "functions")
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not NOT_OURS & set(path.relative_to(ROOT).parts[:-1]) and not set(YOURS) & set(path.parents)
)
LINK = re.compile(r"\]\(((?!http|mailto:)[^)\s]+)\)")
# What is under build/ is made by running something.
PATH = re.compile(r"`((?!build/)(?:[\w.-]+/)+[\w.-]*)`")
SQL_FUNCTION = re.compile(r"\bbridge\.(\w+)\(")
TARGET = re.compile(r"(?:^|[`\s])make ([a-z][a-z-]+)(?=[`\s]|$)", re.MULTILINE)
# Words after "make" that are English.
NOT_TARGETS = {"no"}
# A media type, what the npm package exports, and networks.
NOT_PATHS = {
    "multipart/form-data",
    "bridge/secrets",
    "bridge/storage",
    "10.1.0.0/16",
    "203.0.113.0/24",
}


def everything(pattern: re.Pattern[str]) -> list[Any]:
    found = {
        (document, name) for document in DOCUMENTS for name in pattern.findall(document.read_text("utf-8"))
    }
    return [
        pytest.param(document, name, id=f"{document.relative_to(ROOT)}: {name}")
        for document, name in sorted(found)
    ]


def anchors(document: Path) -> set[str]:
    """The headings of a document, as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("document", "link"), everything(LINK))
def should_link_to_what_is_there(document: Path, link: str) -> None:
    name, _, anchor = link.partition("#")
    file = document.parent / name if name else document
    assert file.exists()
    assert not anchor or anchor in anchors(file)


@pytest.mark.parametrize(("document", "path"), everything(PATH))
def should_name_paths_that_exist(document: Path, path: str) -> None:
    places = (ROOT, document.parent, ROOT / "lambda_src", ROOT / "lambda_src" / "layer")
    assert path in NOT_PATHS or any((place / path).exists() for place in places)


@pytest.mark.parametrize(("document", "name"), everything(SQL_FUNCTION))
def should_name_functions_of_the_schema(document: Path, name: str) -> None:
    del document
    definitions = "".join(file.read_text("utf-8") for file in (ROOT / "sql").glob("*.sql"))
    assert re.search(rf"function bridge\.{name}\(", definitions)


@pytest.mark.parametrize(("document", "target"), everything(TARGET))
def should_name_make_targets_that_exist(document: Path, target: str) -> None:
    del document
    assert target in NOT_TARGETS or re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
