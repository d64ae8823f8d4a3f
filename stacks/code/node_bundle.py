"""Workers in Node.js: bundled by esbuild, without network and Docker, from what two locks hold.

The project's package-lock.json has the library "bridge" and esbuild. A worker's own has its own libraries, so
that adding one changes no file of the framework.
"""

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
_LOCK = "package-lock.json"
_SHARED = "bridge"
_REMEDY = f'run "npm install" in its folder, and commit its {_LOCK}'
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
        folder: the worker's, with index.mjs; with package.json and package-lock.json if it has libraries.
        root: the project's, with node_modules and package-lock.json.

    Raises:
        BuildError: something that it needs is not installed, or not as locked, or esbuild refuses the code.
    """
    package = _package(folder)
    _require_installed(folder, package, root)
    _require_locked(folder, package)
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / "code"
        data = {name: _data(folder, name) for name in package.get("bundle", {}).get("data", [])}
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
        return {}
    except ValueError as error:
        raise _error(folder, f"its package.json is not JSON: {error}") from None
    if not isinstance(package, dict):
        raise _error(folder, "its package.json is not a JSON object")
    return package


def _require_installed(folder: Path, package: Mapping[str, Any], root: Path) -> None:
    if not (root / _ESBUILD / "package.json").exists():
        raise _error(folder, 'esbuild is not installed; run "make packages"')
    dependencies = package.get("dependencies", {})
    if _SHARED in dependencies:
        raise _error(
            folder,
            f'its package.json depends on "{_SHARED}", which each worker has without it, and which npm would '
            "fetch from strangers; remove that line",
        )
    missing = [name for name in dependencies if not (folder / _INSTALLED / name / "package.json").exists()]
    if missing:
        raise _error(folder, f"it needs {', '.join(missing)}, which is not installed there; {_REMEDY}")


def _require_locked(folder: Path, package: Mapping[str, Any]) -> None:
    """Refuse a worker whose package.json npm has not seen since it was written."""
    declared = package.get("dependencies", {})
    if not declared:
        return
    if not (folder / _LOCK).is_file():
        raise _error(folder, f"it has no {_LOCK}; {_REMEDY}")
    locked = _locked(folder).get("", {}).get("dependencies", {})
    if differing := sorted({name for name, _ in declared.items() ^ locked.items()}):
        names = ", ".join(differing)
        raise _error(
            folder, f"its package.json and package-lock.json differ in the version of {names}; {_REMEDY}"
        )


def _locked(folder: Path) -> Mapping[str, Any]:
    packages: Mapping[str, Any] = json.loads((folder / _LOCK).read_text("utf-8"))["packages"]
    return packages


def _data(folder: Path, name: str) -> Path:
    place = folder / _INSTALLED / name
    if not place.exists():
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
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            # A declaration may be anywhere; its workers find "bridge" all the same.
            "NODE_PATH": str(root / _INSTALLED),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        # Without the stack of the Node.js that started esbuild.
        said = result.stderr.partition("\nnode:")[0].strip()
        raise _error(folder, f"it can't be bundled; esbuild said:\n{said}")
    inputs: Mapping[str, Any] = json.loads(report.read_text("utf-8"))["inputs"]
    return inputs


def _lock_holds(folder: Path, paths: Iterable[str], root: Path) -> None:
    """Refuse packages that are installed in another version than the locked one."""
    of_worker = _from_root(folder, root) + "/"
    for package in sorted({name for path in paths if (name := _package_of(path))}):
        own = package.startswith(of_worker)
        locked = _locked(folder if own else root).get(package.removeprefix(of_worker), {})
        installed = json.loads((root / package / "package.json").read_text("utf-8")).get("version")
        if installed != (wanted := locked.get("version")):
            name = package.rpartition(f"{_INSTALLED}/")[2]
            owner = "its" if own else "the project's"
            there = f'"{wanted}"' if wanted else "none"
            remedy = 'run "make packages"' if not own else 'run "npm ci" in its folder' if wanted else _REMEDY
            raise _error(
                folder, f'{name} is installed as "{installed}", but {owner} {_LOCK} has {there}; {remedy}'
            )


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
