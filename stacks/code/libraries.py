"""Libraries of the layer and of functions: installed by pip for the functions' platform, without Docker."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.markers import Marker

from stacks.errors import BuildError

FUNCTION_PYTHON = "3.14"
# Lambda's python3.14 runs on Amazon Linux 2023, which has glibc 2.34.
_GLIBC_MINORS = range(34, 16, -1)
# Bumped when what is kept of an installation changes.
_FORM = "1"
_SUPERFLUOUS = ("bin", "__pycache__", "tests", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "*.pyc")
_DOWNLOAD_SECONDS = 900


def install_libraries(
    lock: Path, *, for_this_machine: bool, cache: Path, present: Path | None = None
) -> Path:
    """Folder with what the lock names: the same bytes for the same lock and platform.

    Args:
        lock: requirements with hashes, for every platform at once.
        for_this_machine: wheels for this interpreter; otherwise for Lambda's Python on arm64.
        cache: where a folder a lock and platform is kept, so that the next time needs no network.
        present: another lock, whose libraries are there already.

    Raises:
        BuildError: pip couldn't install; with its last words.
    """
    markers = _markers(for_this_machine=for_this_machine)
    there = set(_applicable(present.read_text("utf-8"), markers)) if present else set()
    wanted = [line for line in _applicable(lock.read_text("utf-8"), markers) if line not in there]
    lines = "\n".join(wanted)
    platform_options = [] if for_this_machine else _platform_options()
    target = cache / _key(lines, platform_options)
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as work:
            _install(lines, platform_options, Path(work), lock.parent.name)
            _publish(Path(work) / "libraries", target)
    return target


def _markers(*, for_this_machine: bool) -> Mapping[str, str]:
    """What environment markers in the lock are evaluated with, besides this interpreter's own."""
    if for_this_machine:
        return {}
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "aarch64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{FUNCTION_PYTHON}.0",
        "python_version": FUNCTION_PYTHON,
        "sys_platform": "linux",
    }


def _applicable(lock: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The lock's requirements for one environment, markers resolved: pip would use this interpreter's."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        requirement, *hashes = block.split(" \\\n")
        name, _, marker = requirement.partition(";")
        if hashes and (not marker or Marker(marker.strip()).evaluate(dict(environment))):
            yield " \\\n".join([name.strip(), *hashes]).strip()


def _platform_options() -> list[str]:
    tags = [f"manylinux_2_{minor}_aarch64" for minor in _GLIBC_MINORS] + ["manylinux2014_aarch64"]
    options = ["--python-version", FUNCTION_PYTHON, "--implementation", "cp"]
    return options + [word for tag in tags for word in ("--platform", tag)]


def _key(lines: str, platform_options: list[str]) -> str:
    here = [sys.implementation.cache_tag or "", platform.system(), platform.machine()]
    parts = [_FORM, lines, *(platform_options or here)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _install(lines: str, platform_options: list[str], work: Path, owner: str) -> None:
    lock = work / "requirements.txt"
    lock.write_text(lines + "\n", "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-compile", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--target", str(work / "libraries"), "--requirement", str(lock), *platform_options]
    wanted = f"Python {FUNCTION_PYTHON} on arm64" if platform_options else "this machine"
    print(f"{owner}: installing its libraries for {wanted} (once a lock) …", file=sys.stderr)  # noqa: T201
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"the libraries of {owner} weren't there after {_DOWNLOAD_SECONDS} s") from None
    if result.returncode:
        last_words = "\n  ".join(result.stderr.strip().splitlines()[-8:])
        raise BuildError(
            f"the libraries of {owner} can't be installed for {wanted}; pip said:\n  {last_words}\n"
            "Is the index that pip is configured for reachable? Once installed, no network is needed."
        )
    for pattern in _SUPERFLUOUS:
        for path in list((work / "libraries").rglob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _publish(built: Path, target: Path) -> None:
    """Move the finished folder to its place, where a synthesis at the same time may have put the same."""
    try:
        os.rename(built, target)  # noqa: PTH104 - Path.replace would hide which of the two is meant
    except OSError:
        if not target.is_dir():
            raise
