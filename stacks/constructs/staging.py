"""Folders as Lambda gets them."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


@contextmanager
def staged(content: Mapping[str, Path]) -> Iterator[str]:
    """A temporary folder with copies of folders under the given names, for an asset made of them.

    The CDK copies an asset when it is constructed, so the folder is needed no longer than that.
    """
    with tempfile.TemporaryDirectory() as work:
        for name, source in content.items():
            shutil.copytree(source, Path(work) / name, ignore=_NOT_SHIPPED, dirs_exist_ok=True)
        # Lambda runs as another user: what a strict umask wrote must be readable there.
        for path in Path(work).rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield work
