"""What git leaves out is generated, and nothing that a package of the user's would be shipped with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository with this project's .gitignore files, none of the user's own."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for file in (Path(), Path("examples/shop/cloudflare"), Path("examples/shop/vercel")):
        (tmp_path / file).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file / ".gitignore", tmp_path / file)
    return tmp_path


def ignored(repository: Path, path: str) -> bool:
    command = ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--quiet", path]
    return subprocess.run(command, cwd=repository, check=False).returncode == 0


@pytest.mark.parametrize(
    "path", ["lambda_src/workers/send/build/page.html", "lambda_src/workers/a/cdk.out/x"]
)
def should_keep_what_is_shipped_with_a_worker(repository: Path, path: str) -> None:
    assert not ignored(repository, path)


@pytest.mark.parametrize(
    "path",
    [
        "build/review.html",
        "cdk.out/tree.json",
        "examples/shop/cloudflare/.wrangler/state",
        "examples/shop/cloudflare/node_modules/a/index.js",
        "examples/shop/vercel/.vercel/output/config.json",
    ],
)
def should_leave_out_what_is_generated(repository: Path, path: str) -> None:
    assert ignored(repository, path)
