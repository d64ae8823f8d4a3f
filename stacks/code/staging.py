"""Python folders as Lambda gets them: one archive, under the name of what is in it."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from aws_cdk import aws_lambda as lambda_

_NOT_SHIPPED = ("__pycache__", "*.pyc", ".*")
# Tests stand beside what they test. Libraries are shipped whole: some import a module of such a name.
_TESTS = ("test_*.py", "*_test.py", "conftest.py", "tests", "*.test.mjs")
# The earliest that the format knows: the same files make the same archive.
_DATE = (1980, 1, 1, 0, 0, 0)
# Lambda runs as another user: what a strict umask wrote must be readable there.
_MODE = 0o100644 << 16


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Code for the time that its construct is made in; the CDK copies it then.

    Attributes:
        path: of an archive or a folder.
        key: says what is in it, the same on each machine; None: the CDK looks.
    """

    path: Path
    key: str | None = None

    def code(self) -> lambda_.Code:
        """Return it as functions and layers want it."""
        return lambda_.Code.from_asset(str(self.path), asset_hash=self.key)


@contextmanager
def staged(
    content: Mapping[str, Path],
    *,
    files: Mapping[str, bytes] | None = None,
    libraries: Path | None = None,
    within: str = "",
) -> Iterator[Staged]:
    """A temporary archive with folders under the given names.

    One file instead of thousands, of which the CDK would read and write each one twice. Libraries are the
    most of it and don't change: they are compressed once, and are copied from then on.

    Args:
        content: folders by their names; tests in them are left out.
        files: made ones beside them, by their names.
        libraries: what `install_libraries` gave, if any.
        within: the folder that all of it is in: "python/" for a layer.
    """
    digest = hashlib.sha256(within.encode())
    with tempfile.TemporaryDirectory() as work:
        archive = Path(work) / "code.zip"
        if libraries is not None:
            digest.update(libraries.name.encode())
            shutil.copyfile(_compressed(libraries, within), archive)
        with ZipFile(archive, "a", ZIP_DEFLATED) as zipped:
            for name, folder in sorted(content.items()):
                for inside, data in shipped(folder):
                    digest.update(f"\0{name}/{inside}\0{len(data)}\0".encode() + data)
                    _add(zipped, f"{within}{name}/{inside}", data)
            for name, data in sorted((files or {}).items()):
                digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
                _add(zipped, f"{within}{name}", data)
        yield Staged(path=archive, key=digest.hexdigest())


def shipped(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a package that are shipped, by their paths inside, in order: all but its tests."""
    return _files(folder, but=_NOT_SHIPPED + _TESTS)


def _compressed(libraries: Path, within: str) -> Path:
    """The libraries in an archive beside them."""
    kept = libraries.with_name(f"{libraries.name}-{within.replace('/', '-')}code.zip")
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=libraries.parent, prefix="building-") as work:
            archive = Path(work) / "libraries.zip"
            with ZipFile(archive, "w", ZIP_DEFLATED) as zipped:
                for inside, data in _files(libraries, but=_NOT_SHIPPED):
                    _add(zipped, f"{within}{inside}", data)
            # Another synthesis may do so at the same time, with the same.
            archive.replace(kept)
    return kept


def _files(folder: Path, *, but: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        shipped = not any(fnmatch(part, pattern) for part in parts for pattern in but)
        if shipped and path.is_file():
            yield "/".join(parts), path.read_bytes()


def _add(zipped: ZipFile, name: str, data: bytes) -> None:
    info = ZipInfo(name, _DATE)
    info.external_attr = _MODE
    info.compress_type = ZIP_DEFLATED
    zipped.writestr(info, data)
