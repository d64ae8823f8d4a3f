"""An adopter's repository takes up a new version by a merge: from the last release on, without a conflict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.settings import read_declared
from tools.review.errors import ReviewError
from tools.review.releases import Release, releases

ROOT = Path(__file__).parents[2]
# What an adopter edits, and upstream therefore doesn't.
PLACES = ("bridge.toml", "lambda_src/workers", "lambda_src/functions")
NEW = (
    "worker send_receipt --table public.invoices --operations update --webhook invoice.paid",
    "worker mail_customer --language node --table public.customers",
    "function invoices",
)


@pytest.fixture(scope="module")
def release() -> Release:
    """The last release in the history of what is checked out, which is the framework's own repository."""
    if not read_declared(ROOT / "bridge.toml").is_empty:
        pytest.skip("this repository is an adopter's")
    try:
        made = releases(ROOT)
    except ReviewError as error:
        pytest.skip(str(error))
    if not made:
        pytest.skip("nothing was released yet")
    return made[-1]


def git(tree: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    result = subprocess.run(
        ["git", "-C", str(tree), *identity, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


def run(tree: Path, *arguments: str) -> str:
    """Run a module of the tree's own, as its commands do."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def install(tree: Path) -> None:
    """Give a tree the packages that are installed here; links to workspaces lead to the tree's own."""
    shutil.copytree(ROOT / "node_modules", tree / "node_modules", symlinks=True, copy_function=link)
    (tree / "build").mkdir()
    (ROOT / "build" / "libraries").mkdir(parents=True, exist_ok=True)
    (tree / "build" / "libraries").symlink_to(ROOT / "build" / "libraries")


def link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        # On another file system, or without the right to.
        shutil.copy2(source, target)
    return target


@pytest.fixture
def adopted(tmp_path: Path, release: Release) -> Path:
    """An adopter's repository: the last release, with webhooks, code and a stage of their own."""
    tree = tmp_path / "adopted"
    git(tmp_path, "init", "-q", "-b", "main", str(tree))
    git(tree, "fetch", "-q", str(ROOT), "HEAD")
    git(tree, "checkout", "-q", "-B", "main", release.commit)
    for command in NEW:
        run(tree, "tools.cli", "new", *command.split())
    run(tree, "tools.cli", "init", "staging", "--region", "eu-central-1")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "Our webhooks")
    return tree


def should_take_up_this_version_without_a_conflict(adopted: Path) -> None:
    before = git(adopted, "rev-parse", "HEAD")

    git(adopted, "merge", "-q", "--no-edit", git(ROOT, "rev-parse", "HEAD"))

    assert git(adopted, "diff", "--stat", before, "HEAD", "--", *PLACES) == ""
    folders = {
        path.name for kind in ("workers", "functions") for path in (adopted / "lambda_src" / kind).glob("*/")
    }
    assert folders == {"send_receipt", "mail_customer", "invoices"}
    install(adopted)
    said = run(adopted, "tools.check")
    assert "All checks passed." in said
    assert "Templates and review of stage staging" in said


def should_leave_alone_what_is_the_adopters(release: Release) -> None:
    assert git(ROOT, "diff", "--stat", release.commit, "HEAD", "--", *PLACES) == ""
