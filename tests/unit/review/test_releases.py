"""Releases are found through the history of the file that says the version."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.review.errors import ReviewError
from tools.review.releases import CHANGELOG, VERSION_FILE, Release, releases

if TYPE_CHECKING:
    from pathlib import Path


class Repository:
    """A repository of two files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = [
            "-c",
            "user.name=tests",
            "-c",
            "user.email=tests@example.com",
            "-c",
            "commit.gpgsign=false",
        ]
        result = subprocess.run(
            ["git", "-C", str(self.root), *identity, *arguments], capture_output=True, text=True, check=True
        )
        return result.stdout.strip()

    def commit(self, *, version: str | None = None, changelog: str | None = None, docstring: str = "") -> str:
        for name, text in (
            (VERSION_FILE, version and f'"""{docstring}"""\n\nVERSION = "{version}"\n'),
            (CHANGELOG, changelog),
        ):
            if text is not None:
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One that has a version, and no release."""
    repository = Repository(tmp_path / "upstream")
    repository.commit(version="0.1.0", changelog="## Unreleased\n")
    return repository


def release(repository: Repository, version: str) -> Release:
    changelog = f"## Unreleased\n\n## {version}\n"
    return Release(version=version, commit=repository.commit(version=version, changelog=changelog))


def should_list_what_was_released_oldest_first(repository: Repository) -> None:
    first = release(repository, "0.2.0")
    repository.commit(docstring="said otherwise", version="0.2.0")
    second = release(repository, "0.10.0")
    repository.commit(changelog="## Unreleased\n\n- more\n\n## 0.10.0\n")

    assert releases(repository.root) == [first, second]
    assert releases(repository.root, first.commit) == [first]


def should_not_list_a_version_whose_section_is_open(repository: Repository) -> None:
    repository.commit(version="0.2.0", changelog="## Unreleased\n")

    assert releases(repository.root) == []


def should_find_them_from_a_branch_that_was_upgraded_by_a_merge(repository: Repository) -> None:
    first = release(repository, "0.2.0")
    repository.git("switch", "--quiet", "--create", "adopter")
    (repository.root / "bridge.toml").write_text("[[webhooks]]\n")
    repository.commit()
    repository.git("switch", "--quiet", "main")
    second = release(repository, "0.3.0")
    repository.git("switch", "--quiet", "adopter")
    repository.git("merge", "--quiet", "--no-edit", second.commit)

    assert releases(repository.root) == [first, second]


def should_refuse_a_shallow_clone(repository: Repository, tmp_path: Path) -> None:
    release(repository, "0.2.0")
    repository.git("clone", "--quiet", "--depth=1", repository.root.as_uri(), str(tmp_path / "clone"))

    with pytest.raises(ReviewError, match="git fetch --unshallow"):
        releases(tmp_path / "clone")


@pytest.mark.parametrize("commit", ["nowhere", "--all"])
def should_name_a_commit_that_is_not_there(repository: Repository, commit: str) -> None:
    with pytest.raises(ReviewError, match=f"'?{commit}'?"):
        releases(repository.root, commit)


def should_say_that_a_download_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match="not a git repository"):
        releases(tmp_path)
