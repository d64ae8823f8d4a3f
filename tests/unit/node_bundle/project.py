"""A project with a worker in Node.js: its libraries, its lock, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stacks.code.node_bundle import bundled
from stacks.errors import BuildError

ROOT = Path(__file__).parents[3]
RECEIPTS = ROOT / "examples" / "shop" / "workers" / "render_receipt"
WORKER = "lambda_src/workers/deep_thought"
INDEX = "import { answer } from 'answer'\nexport const handler = async () => answer()\n"


def install(
    root: Path, name: str, code: str, *, version: str = "1.0.0", locked: str | None = "1.0.0"
) -> None:
    """Install a library for the worker, and lock it beside what is locked already."""
    worker = root / WORKER
    folder = worker / "node_modules" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": version}))
    (folder / "index.js").write_text(code)
    lock(worker, f"node_modules/{name}", {"version": locked} if locked else None)


def locked_packages(folder: Path) -> dict[str, Any]:
    packages: dict[str, Any] = json.loads((folder / "package-lock.json").read_text())["packages"]
    return packages


def lock(folder: Path, place: str, package: dict[str, Any] | None) -> None:
    """Write an entry of a folder's lock, or remove it."""
    file = folder / "package-lock.json"
    packages = (locked_packages(folder) if file.exists() else {}) | {place: package}
    kept = {name: package for name, package in packages.items() if package is not None}
    file.write_text(json.dumps({"packages": kept}))


def write_worker(
    root: Path, *, index: str = INDEX, data: list[str] | None = None, **dependencies: str
) -> Path:
    """Write a worker, and lock it as `npm install` does."""
    folder = root / WORKER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.mjs").write_text(index)
    dependencies = dependencies or {"answer": "1.0.0"}
    package = {"dependencies": dependencies, "bundle": {"data": data or []}}
    (folder / "package.json").write_text(json.dumps(package))
    lock(folder, "", {"dependencies": dependencies})
    return folder


def content(folder: Path, root: Path = ROOT) -> dict[str, bytes]:
    with bundled(folder, root=root) as made:
        files = [path for path in Path(made).rglob("*") if path.is_file()]
        return {str(path.relative_to(made)): path.read_bytes() for path in files}


def problem(folder: Path, root: Path) -> str:
    with pytest.raises(BuildError) as raised, bundled(folder, root=root):
        pass
    return str(raised.value)
