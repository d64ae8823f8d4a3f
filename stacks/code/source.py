"""Folders as the code of functions."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws_cdk import aws_lambda as lambda_

from stacks.code.imports import missing_imports
from stacks.code.libraries import install_libraries
from stacks.code.node_bundle import bundled
from stacks.code.staging import Staged, staged
from stacks.errors import BuildError

# bridge/environment.py of the layer reads it.
_TABLES = "tables.json"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What runs.

    Attributes:
        name: the folder's.
        runtime: what it runs on.
        handler: as Lambda wants it.
        staged: gives the code, for the time in which the function is made.
        python: whether it uses the shared layer.
        tables: JSON by names, in a file beside it: what grows with bridge.toml outgrows Lambda's 4 KB of
            environment variables.
    """

    name: str
    runtime: lambda_.Runtime
    handler: str
    staged: Callable[[], AbstractContextManager[Staged]]
    python: bool
    tables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Makes sources of folders.

    Attributes:
        layer: folder of the shared layer: what its requirements.txt names is not installed a second time.
        cache: where installed libraries are kept between syntheses.
        for_this_machine: libraries for this machine and interpreter, instead of Lambda's Python on arm64.
    """

    layer: Path
    cache: Path
    for_this_machine: bool

    def python(
        self,
        folder: Path,
        *,
        beside: Mapping[str, Path] | None = None,
        tables: Mapping[str, Any] | None = None,
    ) -> Source:
        """A package whose handler is `<folder>.handler.handler`, with the libraries of its requirements.txt.

        Args:
            folder: the package; nothing else is shipped but
            beside: more folders, by the name they have beside the package.
            tables: the function's, by their names.

        Staging it raises BuildError: libraries can't be installed, or one is named like the folder.
        """

        def stage() -> AbstractContextManager[Staged]:
            return staged(
                {folder.name: folder, **(beside or {})},
                files={_TABLES: json.dumps(tables, indent=1).encode()} if tables else None,
                libraries=self._libraries(folder),
            )

        return Source(
            name=folder.name,
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler=f"{folder.name}.handler.handler",
            staged=stage,
            python=True,
            tables=tables or {},
        )

    def node(self, folder: Path) -> Source:
        """An index.mjs in one file with what it imports."""
        return Source(
            name=folder.name,
            runtime=lambda_.Runtime.NODEJS_24_X,
            handler="index.handler",
            staged=lambda: _bundled(folder),
            python=False,
        )

    def _libraries(self, folder: Path) -> Path | None:
        layer, lock = self.layer / "requirements.txt", folder / "requirements.txt"
        in_layer = self._installed(layer)
        _refuse_the_name(folder, in_layer, "the shared layer has")
        libraries = self._installed(lock, present=layer) if lock.is_file() else None
        if libraries:
            _refuse_the_name(folder, libraries, "its requirements.txt brings")
        own = {path.name for path in self.layer.glob("*/")}
        _refuse_missing(folder, _modules(in_layer) | (_modules(libraries) if libraries else set()) | own)
        return libraries

    def _installed(self, lock: Path, present: Path | None = None) -> Path:
        return install_libraries(
            lock, for_this_machine=self.for_this_machine, cache=self.cache, present=present
        )


@contextmanager
def _bundled(folder: Path) -> Iterator[Staged]:
    with bundled(folder) as code:
        yield Staged(path=Path(code))


def _modules(libraries: Path) -> set[str]:
    """Names of a package, a module (six.py), or one in C (jiter.cpython-314-aarch64-linux-gnu.so)."""
    return {path.name.partition(".")[0] for path in libraries.iterdir()}


def _refuse_missing(folder: Path, provided: set[str]) -> None:
    """Refuse code that works where it is deployed from, and not where it is deployed to."""
    if problems := list(missing_imports(folder, provided)):
        raise BuildError(
            f'folder "{folder.name}" of {folder.parent.name}: {"; ".join(problems)}. A function has its own '
            "folder, the shared layer, and what its requirements.txt brings: name a library in a "
            "requirements.in there, and run make lock"
        )


def _refuse_the_name(folder: Path, libraries: Path, whose: str) -> None:
    """Refuse a package that would be found instead of a library, or be mixed with it."""
    if folder.name in _modules(libraries):
        raise BuildError(
            f'folder "{folder.name}" of {folder.parent.name}: {whose} a library '
            f'"{folder.name}", which the folder would hide; rename the folder, for example to '
            f'"handle_{folder.name}"'
        )
