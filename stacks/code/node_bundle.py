"""Workers in Node.js: bundled by esbuild from what package-lock.json locks, without network and Docker."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stacks.errors import BuildError

ROOT = Path(__file__).parents[2]
_INSTALLED = "node_modules"
_ESBUILD = f"{_INSTALLED}/esbuild"
_REMEDY = 'run "npm install" in the project\'s folder, and commit package-lock.json'
# Libraries in CommonJS call for Node.js's own modules by `require`, which ES modules don't have.
_REQUIRE = """\
import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);"""
# Not minified: it starts no faster for it, and the functions in a stack trace have their names.
_OPTIONS = [
    "--bundle",
    "--platform=node",
    "--target=node24",
    "--format=esm",
    "--keep-names",
    "--charset=utf8",
    "--log-level=error",
    "--color=false",
    f"--banner:js={_REQUIRE}",
]


@contextmanager
def bundled(folder: Path, *, root: Path = ROOT) -> Iterator[str]:
    """A temporary folder with a worker in one file, index.mjs: the same bytes each time.

    What its package.json names under "bundle": {"data": [...]}, files or folders of packages, lies beside it
    in node_modules, where `import.meta.resolve` finds it.

    Args:
        folder: the worker's, with index.mjs and package.json.
        root: the project's, with node_modules and package-lock.json.

    Raises:
        BuildError: something that it needs is not installed, or not as locked, or esbuild refuses the code.
    """
    package = _package(folder)
    _require_installed(folder, package, root)
    _require_locked(folder, package, root)
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / "code"
        data = {name: _data(folder, name, root) for name in package.get("bundle", {}).get("data", [])}
        sources = [_from_root(source, root) for source in data.values()]
        _lock_holds(folder, [_ESBUILD, *_bundle(folder, target, root), *sources], root)
        for name, source in data.items():
            _copy(source, target / _INSTALLED / name)
        # Lambda runs as another user: what a strict umask wrote must be readable there.
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield str(target)


def _package(folder: Path) -> Mapping[str, Any]:
    try:
        package = json.loads((folder / "package.json").read_text("utf-8"))
    except FileNotFoundError:
        raise _error(
            folder, "it has an index.mjs but no package.json, which a worker in Node.js needs"
        ) from None
    except ValueError as error:
        raise _error(folder, f"its package.json is not JSON: {error}") from None
    if not isinstance(package, dict):
        raise _error(folder, "its package.json is not a JSON object")
    return package


def _require_installed(folder: Path, package: Mapping[str, Any], root: Path) -> None:
    needed = [
        ("esbuild", _installed(root, "esbuild/package.json", root)),
        *(
            (name, _installed(folder, f"{name}/package.json", root))
            for name in package.get("dependencies", {})
        ),
    ]
    missing = [name for name, place in needed if place is None]
    if missing:
        raise _error(folder, f"it needs {', '.join(missing)}, which is not installed; {_REMEDY}")


def _require_locked(folder: Path, package: Mapping[str, Any], root: Path) -> None:
    """Refuse a worker whose package.json npm has not seen since it was written."""
    locked = _locked(root).get(_from_root(folder, root))
    if locked is None:
        raise _error(folder, f"package-lock.json doesn't have it; {_REMEDY}")
    declared, known = package.get("dependencies", {}), locked.get("dependencies", {})
    if differing := sorted({name for name, _ in declared.items() ^ known.items()}):
        names = ", ".join(differing)
        raise _error(
            folder, f"its package.json and package-lock.json differ in the version of {names}; {_REMEDY}"
        )


def _locked(root: Path) -> Mapping[str, Any]:
    packages: Mapping[str, Any] = json.loads((root / "package-lock.json").read_text("utf-8"))["packages"]
    return packages


def _installed(folder: Path, name: str, root: Path) -> Path | None:
    """Where a file or folder of a package is: beside the worker with its own version, or for all."""
    places = (folder / _INSTALLED / name, root / _INSTALLED / name)
    return next((place for place in places if place.exists()), None)


def _data(folder: Path, name: str, root: Path) -> Path:
    place = _installed(folder, name, root)
    if place is None:
        raise _error(
            folder, f'its package.json names "{name}" as data, which is not in {_INSTALLED}; {_REMEDY}'
        )
    return place


def _from_root(path: Path, root: Path) -> str:
    """A path as esbuild reports it: a workspace's package is where its link leads, and not installed."""
    return Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()


def _bundle(folder: Path, target: Path, root: Path) -> Iterable[str]:
    """Write index.mjs; return what went into it, as paths from the root."""
    report = target.with_name("report.json")
    result = subprocess.run(
        [
            str(root / _INSTALLED / ".bin" / "esbuild"),
            str(folder / "index.mjs"),
            f"--outfile={target / 'index.mjs'}",
            f"--metafile={report}",
            *_OPTIONS,
        ],
        # Paths in the bundle are relative to it.
        cwd=root,
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise _error(folder, f"it can't be bundled; esbuild said:\n{result.stderr.strip()}")
    inputs: Mapping[str, Any] = json.loads(report.read_text("utf-8"))["inputs"]
    return inputs


def _lock_holds(folder: Path, paths: Iterable[str], root: Path) -> None:
    """Refuse packages that are installed in another version than the locked one."""
    locked = _locked(root)
    for package in sorted({found for path in paths if (found := _package_of(path))}):
        installed = json.loads((root / package / "package.json").read_text("utf-8")).get("version")
        wanted = locked.get(package, {}).get("version")
        if installed != wanted:
            name = package.rpartition(f"{_INSTALLED}/")[2]
            remedy = f'"{wanted}"; run "npm ci"' if wanted else f"none; {_REMEDY}"
            raise _error(folder, f'{name} is installed as "{installed}", but package-lock.json has {remedy}')


def _package_of(path: str) -> str | None:
    """The folder of the package that a file belongs to; None: it is the project's own."""
    before, inside, within = path.rpartition(f"{_INSTALLED}/")
    parts = within.split("/")
    return before + inside + "/".join(parts[: 2 if within.startswith("@") else 1]) if inside else None


def _copy(source: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, copy)
    else:
        shutil.copyfile(source, copy)


def _error(folder: Path, problem: str) -> BuildError:
    return BuildError(f'worker "{folder.name}": {problem}')
