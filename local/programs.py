"""Programs of system packages: where they are, and how to install those that are missing."""

import os
import platform
import pwd
import re
import shutil
import subprocess
from pathlib import Path

from local.errors import MissingProgramError

OLDEST_POSTGRES = 15
DEBIAN = "sudo apt-get install -y postgresql postgresql-contrib pgbouncer openssl"
MACOS = "brew install postgresql@17 pgbouncer openssl"
HOMEBREW = (Path("/opt/homebrew"), Path("/usr/local"))
# Debian's packages create this account; where it is missing, any other that owns nothing serves.
SERVICE_ACCOUNTS = ("postgres", "nobody")


def postgres_binaries() -> Path:
    """Return the folder that holds `initdb` and `postgres`, of the newest version found.

    Raises:
        MissingProgramError: there is none of version 15 or newer; the message says how to install it.
    """
    versions = [
        (version, folder) for folder in _postgres_folders() if (version := _version(folder)) is not None
    ]
    usable = [found for found in versions if found[0] >= OLDEST_POSTGRES]
    if usable:
        return max(usable, key=lambda found: found[0])[1]
    seen = "".join(f"; found only version {version} in {folder}" for version, folder in versions)
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
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    for root in HOMEBREW:
        folders += root.glob("opt/postgresql*/bin")
    return [folder for folder in folders if (folder / "postgres").is_file() and (folder / "initdb").is_file()]


def _version(folder: Path) -> int | None:
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)(?:\.\d+|devel|beta\d+|rc\d+)", answer.stdout)
    return int(found[1]) if found else None
