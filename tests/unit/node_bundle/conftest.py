"""A project of which everything is installed and locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.node_bundle.project import ROOT, WORKER, install, lock, locked_packages, write_worker

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with esbuild and one library, a CommonJS one that reads a file and Node.js's own modules."""
    modules = tmp_path / "node_modules"
    (modules / ".bin").mkdir(parents=True)
    for name in ("esbuild", "@esbuild", ".bin/esbuild"):
        (modules / name).symlink_to(ROOT / "node_modules" / name)
    lock(tmp_path, "node_modules/esbuild", locked_packages(ROOT)["node_modules/esbuild"])
    install(tmp_path, "answer", "exports.answer = () => require('os').EOL === '\\n' && 42")
    (tmp_path / WORKER / "node_modules" / "answer" / "data.txt").write_text("data")
    write_worker(tmp_path)
    return tmp_path
