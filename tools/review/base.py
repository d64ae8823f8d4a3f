"""What a change is compared with: a commit's tree, taken out of git beside this one."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.review.errors import ReviewError

UPSTREAM = "origin/main"
DEPLOYED = "deployed"
NOTHING = "nothing: no commit was there before"
# A hash in full, by SHA-1 or SHA-256; zeros are git's name for no commit, as a push of a new branch has it.
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What a synthesis needs and git doesn't have; the libraries' cache is found by what is in it.
_INSTALLED = "node_modules"
_LOCKS = ("package.json", "package-lock.json")
_LIBRARIES = Path("build") / "libraries"
_REMEDY = f"name another with --base, or compare with what is deployed: --base {DEPLOYED}"


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit by its hash, and how it was asked for."""

    hash: str
    asked: str

    @property
    def title(self) -> str:
        """Both, for the page."""
        short = self.hash[:12]
        return short if self.hash.startswith(self.asked) else f"{self.asked} ({short})"


def base_commit(root: Path, asked: str | None) -> Commit | None:
    """Return the commit to compare with; None: there is none, everything is new.

    What a branch was before a push is a hash in full. Zeros stand for a branch that is new. A commit that a
    forced push has left behind is in nobody's clone: HEAD's parent takes its place, and the title says so.

    Args:
        root: the repository.
        asked: a branch, tag or hash; None: where HEAD left origin/main, or without that branch HEAD.

    Raises:
        ReviewError: there is no such commit here.
    """
    if asked is None:
        # Without git, as in an archive that was downloaded, there is nothing before.
        return _default(root) if (root / ".git").exists() else None
    if _HASH.fullmatch(asked) and not asked.strip("0"):
        return None
    commit = _commit(root, asked)
    if commit is None and _HASH.fullmatch(asked):
        return _parent(root, asked)
    if commit is None:
        raise ReviewError(
            f'the base "{asked}" is no commit of this repository; fetch it (git fetch origin), or {_REMEDY}'
        )
    return Commit(hash=commit, asked=asked)


def head_title(root: Path) -> str:
    """Return what is reviewed: the commit that is checked out, and whether files differ."""
    commit = _commit(root, "HEAD")
    changed = _git(root, "status", "--porcelain").stdout.strip()
    title = f"commit {commit[:12]}" if commit else "a tree without a commit"
    return f"{title} with what is not committed" if changed else title


@contextmanager
def tree_of(root: Path, commit: Commit) -> Iterator[Path]:
    """A commit's files in a temporary folder, with what is installed here.

    In build/, so that the same relative paths lead to the same bundles, and files can be linked.

    Args:
        root: the repository; it and its index are not touched.
        commit: what to take out.
    """
    build = root / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="review-base-") as work:
        tree = Path(work) / "tree"
        tree.mkdir()
        index = {"GIT_INDEX_FILE": str(Path(work) / "index")}
        _required(root, "read-tree", commit.hash, **index)
        _required(root, "checkout-index", "--all", f"--prefix={tree}/", **index)
        # Links to workspaces stay what they are: they lead to that tree's own.
        for installed in _library_folders(root, tree):
            shutil.copytree(root / installed, tree / installed, symlinks=True, copy_function=_link)
            # Made with what is installed here, it is held to the locks of that.
            for lock in (root / installed.parent / name for name in _LOCKS):
                if lock.is_file():
                    shutil.copy2(lock, tree / installed.parent / lock.name)
        (root / _LIBRARIES).mkdir(parents=True, exist_ok=True)
        (tree / "build").mkdir(exist_ok=True)
        (tree / _LIBRARIES).symlink_to(root / _LIBRARIES, target_is_directory=True)
        yield tree


def _library_folders(root: Path, tree: Path) -> list[Path]:
    """Folders of libraries for Node.js that a tree uses and that are installed here, from the root."""
    locks = (path for kind in ("workers", "functions") for path in tree.rglob(f"{kind}/*/package-lock.json"))
    folders = [Path(), *(lock.parent.relative_to(tree) for lock in locks)]
    return [folder / _INSTALLED for folder in folders if (root / folder / _INSTALLED).is_dir()]


def _parent(root: Path, asked: str) -> Commit | None:
    """HEAD's parent in place of a commit that is gone; None: HEAD is the first."""
    if _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true":
        raise ReviewError(
            f"the base {asked[:12]} is not in this shallow clone; "
            f"fetch the rest (git fetch --unshallow), or {_REMEDY}"
        )
    parent = _commit(root, "HEAD~1")
    if parent is None:
        return None
    return Commit(hash=parent, asked=f"HEAD~1, as {asked[:12]} is not in this repository")


def _default(root: Path) -> Commit | None:
    if _commit(root, UPSTREAM) is None:
        head = _commit(root, "HEAD")
        if head is None:
            return None
        return Commit(hash=head, asked="HEAD")
    result = _git(root, "merge-base", "HEAD", UPSTREAM)
    if result.returncode:
        raise ReviewError(
            f"HEAD and {UPSTREAM} have no commit in common here; if this is a shallow clone, "
            f"fetch the rest (git fetch --unshallow), or {_REMEDY}"
        )
    return Commit(hash=result.stdout.strip(), asked=f"where HEAD left {UPSTREAM}")


def _commit(root: Path, reference: str) -> str | None:
    result = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    return result.stdout.strip() if result.returncode == 0 else None


def _required(root: Path, *arguments: str, **environment: str) -> None:
    result = _git(root, *arguments, **environment)
    if result.returncode:
        raise ReviewError(f"git {arguments[0]} failed: {result.stderr.strip()}")


def _git(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the one of the PATH
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ReviewError(f"git is not installed; install it, or use --base {DEPLOYED}") from None
    if "not a git repository" in result.stderr:
        raise ReviewError(f"this folder is not a git repository; use --base {DEPLOYED}")
    return result


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
