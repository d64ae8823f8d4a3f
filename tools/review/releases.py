"""The releases that a history has: commits that set the version and close its section of CHANGELOG.md.

python -m tools.review.releases [COMMIT]
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.review.errors import ReviewError

ROOT = Path(__file__).parents[2]
VERSION_FILE = "lambda_src/layer/bridge/version.py"
CHANGELOG = "CHANGELOG.md"
_ASSIGNMENT = "^VERSION = "
_VERSION = re.compile(rf'{_ASSIGNMENT}"(\d+\.\d+\.\d+)"$', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Release:
    """A released version, and the hash of the commit that made it."""

    version: str
    commit: str


def releases(root: Path = ROOT, upto: str = "HEAD") -> list[Release]:
    """Return the releases in a commit's history, oldest first.

    Args:
        root: the repository.
        upto: the commit, as git takes it.

    Raises:
        ReviewError: there is no such commit, or the repository doesn't have its whole history.
    """
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise ReviewError(
            "this clone is shallow, and releases are found through history: fetch the rest, "
            "git fetch --unshallow (in a workflow, actions/checkout with fetch-depth: 0)"
        )
    return list(_releases(root, upto))


def _releases(root: Path, upto: str) -> Iterator[Release]:
    # --end-of-options: a commit that looks like an option is none.
    arguments = ("--topo-order", "--reverse", "--format=%H", f"-G{_ASSIGNMENT}", "--end-of-options", upto)
    before = None
    for commit in _git(root, "log", *arguments, "--", VERSION_FILE).split():
        version = _version(root, commit)
        if version and version != before and _closes_section(root, commit, version):
            yield Release(version=version, commit=commit)
        before = version


def _version(root: Path, commit: str) -> str | None:
    """Return the version that a commit has; None: the file is gone."""
    if not _git(root, "ls-tree", commit, VERSION_FILE):
        return None
    match = _VERSION.search(_git(root, "show", f"{commit}:{VERSION_FILE}"))
    return match[1] if match else None


def _closes_section(root: Path, commit: str, version: str) -> bool:
    """Tell whether CHANGELOG.md has a section of the version: one that is being prepared has none."""
    if not _git(root, "ls-tree", commit, CHANGELOG):
        return False
    changelog = _git(root, "show", f"{commit}:{CHANGELOG}")
    return re.search(rf"^## {re.escape(version)}\b", changelog, re.MULTILINE) is not None


def _git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the one of the PATH
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ReviewError("git is not installed, and releases are found through its history") from None
    if result.returncode:
        raise ReviewError(f"releases are found through git's history: {result.stderr.strip()}")
    return result.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Print version and commit of each release, oldest first; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.review.releases", description=main.__doc__)
    parser.add_argument(
        "commit", nargs="?", default="HEAD", help="whose history, such as upstream/main; default: HEAD"
    )
    try:
        for release in releases(upto=parser.parse_args(arguments).commit):
            sys.stdout.write(f"{release.version} {release.commit}\n")
    except ReviewError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
