"""The base: a commit of a real repository, taken out without touching it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.review.base import Commit, base_commit, head_title, tree_of
from tools.review.errors import ReviewError

if TYPE_CHECKING:
    from pathlib import Path


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(repository), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(repository: Path, content: str) -> str:
    (repository / "file").write_text(content)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", content)
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text("build/\nnode_modules/\n")
    return root


def should_be_head_without_an_upstream(repository: Path) -> None:
    head = commit(repository, "one")
    assert base_commit(repository, None) == Commit(hash=head, asked="HEAD")


def should_be_where_head_left_the_upstream(repository: Path) -> None:
    shared = commit(repository, "one")
    theirs = commit(repository, "theirs")
    git(repository, "update-ref", "refs/remotes/origin/main", theirs)
    git(repository, "checkout", "-q", "-b", "mine", shared)
    commit(repository, "mine")
    base = base_commit(repository, None)
    assert base is not None
    assert base.hash == shared


def should_say_what_helps_where_histories_share_nothing(repository: Path) -> None:
    git(repository, "update-ref", "refs/remotes/origin/main", commit(repository, "one"))
    git(repository, "checkout", "-q", "--orphan", "apart")
    commit(repository, "two")
    with pytest.raises(
        ReviewError, match=r"no commit in common here.*git fetch --unshallow.*--base deployed"
    ):
        base_commit(repository, None)


@pytest.mark.parametrize("asked", ["nope", "--help", "HEAD~9", "", "HEAD:file"])
def should_name_a_base_that_is_none(repository: Path, asked: str) -> None:
    commit(repository, "one")
    with pytest.raises(ReviewError, match=f'the base "{asked}" is no commit.*--base deployed'):
        base_commit(repository, asked)


@pytest.mark.parametrize("zeros", ["0" * 40, "0" * 64])
def should_take_everything_for_new_where_a_push_made_the_branch(repository: Path, zeros: str) -> None:
    commit(repository, "one")
    commit(repository, "two")
    assert base_commit(repository, zeros) is None


def should_compare_with_the_parent_where_a_forced_push_left_the_base_behind(
    repository: Path, tmp_path: Path
) -> None:
    one = commit(repository, "one")
    gone = commit(repository, "two")
    git(repository, "reset", "-q", "--hard", one)
    commit(repository, "two, mended")
    # A clone has what branches lead to, and nothing else.
    clone = tmp_path / "clone"
    git(repository, "clone", "-q", repository.as_uri(), str(clone))

    base = base_commit(clone, gone)

    assert base is not None
    assert base.hash == one
    assert base.title == f"HEAD~1, as {gone[:12]} is not in this repository ({one[:12]})"


def should_compare_with_what_a_forced_push_replaced_where_it_is_still_there(repository: Path) -> None:
    one = commit(repository, "one")
    replaced = commit(repository, "two")
    git(repository, "reset", "-q", "--hard", one)
    commit(repository, "two, mended")
    assert base_commit(repository, replaced) == Commit(hash=replaced, asked=replaced)


def should_take_everything_for_new_where_a_forced_push_left_one_commit(repository: Path) -> None:
    commit(repository, "one")
    assert base_commit(repository, "1" * 40) is None


def should_not_take_the_end_of_a_shallow_clone_for_the_first_commit(repository: Path, tmp_path: Path) -> None:
    gone = commit(repository, "one")
    commit(repository, "two")
    clone = tmp_path / "clone"
    git(repository, "clone", "-q", "--depth=1", repository.as_uri(), str(clone))
    with pytest.raises(ReviewError, match=rf"{gone[:12]} is not in this shallow clone.*--unshallow"):
        base_commit(clone, gone)


def should_want_a_repository_for_a_base_that_is_named(tmp_path: Path) -> None:
    assert base_commit(tmp_path, None) is None
    with pytest.raises(ReviewError, match="not a git repository; use --base deployed"):
        base_commit(tmp_path, "main")


def should_title_a_commit_by_what_was_asked_and_its_hash(repository: Path) -> None:
    head = commit(repository, "one")
    assert Commit(hash=head, asked="main").title == f"main ({head[:12]})"
    assert Commit(hash=head, asked=head).title == head[:12]
    assert head_title(repository) == f"commit {head[:12]}"
    (repository / "file").write_text("more")
    assert head_title(repository) == f"commit {head[:12]} with what is not committed"


def should_take_out_a_commit_and_leave_the_repository_alone(repository: Path) -> None:
    packages = repository / "node_modules"
    (packages / "library").mkdir(parents=True)
    (packages / "library" / "index.js").write_text("library")
    (repository / "lambda_src" / "node").mkdir(parents=True)
    (packages / "workspace").symlink_to("../lambda_src/node")
    one = commit(repository, "one")
    commit(repository, "two")
    (repository / "file").write_text("three")
    before = git(repository, "status", "--porcelain")

    with tree_of(repository, Commit(hash=one, asked="HEAD~1")) as tree:
        assert (tree / "file").read_text() == "one"
        assert (tree / "node_modules" / "library" / "index.js").read_text() == "library"
        # A workspace is the tree's own.
        assert (tree / "node_modules" / "workspace").readlink().as_posix() == "../lambda_src/node"
        assert (tree / "build" / "libraries").resolve() == repository / "build" / "libraries"

    assert not tree.exists()
    assert (repository / "build" / "libraries").is_dir()
    assert (repository / "file").read_text() == "three"
    assert git(repository, "status", "--porcelain") == before


def should_hold_a_commit_to_the_locks_of_what_is_installed(repository: Path) -> None:
    (repository / "package-lock.json").write_text("old")
    old = commit(repository, "old")
    (repository / "package-lock.json").write_text("new")
    (repository / "node_modules").mkdir()
    with tree_of(repository, Commit(hash=old, asked="old")) as tree:
        assert (tree / "package-lock.json").read_text() == "new"
