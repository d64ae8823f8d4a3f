"""Changes to bridge.toml: tried in a copy first, and whatever isn't changed stays byte for byte."""

import fcntl
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from stacks.errors import SettingsError
from stacks.settings import read_settings
from stacks.settings.folders import code_of
from tools.cli.stage import CommandError


class DeclarationError(CommandError):
    """The declaration can't be changed so; it is as it was."""


class Declaration:
    """A declaration that only this process may change.

    Attributes:
        path: the file.
        text: what is in it.
        sections: the same, read; empty if it is no TOML.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self.text = file.read().decode()
        self.sections = _sections(self.text)

    @property
    def code(self) -> Path:
        """Folder that holds workers/ and functions/."""
        return code_of(self.path)

    def with_appended(self, sections: str) -> str:
        """Return the text with sections at its end, after an empty line.

        Raises:
            DeclarationError: it has such a list or table inline, to which TOML adds no section.
        """
        if not sections:
            return self.text
        separator = "" if not self.text else "\n" if self.text.endswith("\n") else "\n\n"
        text = f"{self.text}{separator}{sections}"
        if self.sections and not _sections(text):
            kind, value = next(iter(_sections(sections).items()))
            form = f"[[{kind}]]" if isinstance(value, list) else f"[{kind}.NAME]"
            raise DeclarationError(
                f"{self.path}: no section can be added to {kind} as it is written; write {kind} as {form} "
                "sections, and leave it out while there are none"
            )
        return text

    def check(
        self, text: str, *, stage: str | None = None, folders: Mapping[str, Path] | None = None
    ) -> None:
        """Read a text as the declaration, in another place.

        Args:
            text: what is to be written.
            stage: the stage to read; None: the first.
            folders: folders to be added, by their path from `code`, such as "workers/send_invoice".

        Raises:
            DeclarationError: naming every mistake.
        """
        stage = stage or next(iter(_sections(text).get("stages", {})), None)
        with tempfile.TemporaryDirectory() as work:
            copy = Path(work) / self.path.name
            copy.write_bytes(text.encode())
            self._link_code(copy, folders or {})
            context = {"config": copy} if stage is None else {"config": copy, "stage": stage}
            try:
                read_settings(context)
            except SettingsError as error:
                raise DeclarationError(str(error).replace(str(copy), str(self.path))) from error

    def _link_code(self, copy: Path, folders: Mapping[str, Path]) -> None:
        """Put links to the code, and to what is added to it, beside a copy of the declaration."""
        code = copy.parent / os.path.relpath(self.code, self.path.parent)
        for parent in ("workers", "functions"):
            (code / parent).mkdir(parents=True)
            for folder in (self.code / parent).glob("*/"):
                (code / parent / folder.name).symlink_to(folder.resolve())
        for place, folder in folders.items():
            (code / place).symlink_to(folder)

    def write(self, text: str) -> None:
        """Write a text; one that can't be written whole leaves the declaration as it was.

        Raises:
            DeclarationError: the file can't be written.
        """
        try:
            self._put(text)
        except OSError as error:
            self._put(self.text)
            raise DeclarationError(f"{self.path} can't be written: {error.strerror}") from error
        except BaseException:
            self._put(self.text)
            raise

    def _put(self, text: str) -> None:
        self._file.seek(0)
        self._file.write(text.encode())
        self._file.truncate()
        self._file.flush()


@contextmanager
def changing(path: Path) -> Iterator[Declaration]:
    """Open a declaration for a change; another command that changes it waits meanwhile.

    Raises:
        DeclarationError: it can't be opened for writing, or is no text.
    """
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        raise DeclarationError(f"{path} doesn't exist; name another file with --config") from None
    except OSError as error:
        raise DeclarationError(f"{path} can't be changed: {error.strerror}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            declaration = Declaration(path, file)
        except UnicodeDecodeError as error:
            raise DeclarationError(f"{path} can't be read: {error}") from error
        yield declaration


def toml(value: str | list[str]) -> str:
    """Return a text, or a list of texts, as TOML writes it."""
    # As JSON does, but for one sign.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _sections(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
