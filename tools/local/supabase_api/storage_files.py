"""What objects hold, on disk, each version under a name of its own that no request chooses."""

from pathlib import Path
from uuid import UUID, uuid4


class Files:
    """The files of one run in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, content: bytes) -> str:
        """Keep `content`; return its version."""
        version = str(uuid4())
        self._path(version).write_bytes(content)
        return version

    def read(self, version: str) -> bytes | None:
        """Return what is kept as this version; None when it isn't here."""
        try:
            return self._path(version).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, version: str) -> None:
        self._path(version).unlink(missing_ok=True)

    def _path(self, version: str) -> Path:
        # Read from the table, which others may write: only what `write` made is a name of a file.
        return self._directory / str(UUID(version))
