"""The framework names nothing of the shop: what it does for one project it does for each."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"
# Measurements and faults are run on the shop, and so are tests of the whole.
FOLDERS = ("lambda_src", "sql", "stacks", "tools/cli", "tools/local", "tools/review")
THEIRS = {ROOT / "lambda_src" / "workers", ROOT / "lambda_src" / "functions"}
CODE = {".py", ".sql", ".js", ".txt", ".j2", ".toml", ".sh", ".md"}


def names() -> set[str]:
    """Names that nobody else would choose: those of one word are everybody's."""
    folders = {path.name for kind in ("workers", "functions") for path in (SHOP / kind).glob("*/")}
    targets = tomllib.loads((SHOP / "bridge.toml").read_text("utf-8"))["targets"]
    return {name for name in folders | {target["name"] for target in targets} if "_" in name} - {
        "__pycache__"
    }


@pytest.mark.parametrize("folder", FOLDERS)
def should_name_no_worker_function_or_target_of_the_shop(folder: str) -> None:
    assert names() >= {"process_order", "render_receipt", "edge_worker"}
    files = [
        file
        for file in (ROOT / folder).rglob("*")
        if file.suffix in CODE and "node_modules" not in file.parts and not THEIRS & set(file.parents)
    ]
    assert files
    naming = {
        str(file.relative_to(ROOT)): sorted(name for name in names() if name in file.read_text("utf-8"))
        for file in files
    }
    assert {file: named for file, named in naming.items() if named} == {}
