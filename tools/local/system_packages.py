"""Checks the system packages that the local system needs: `python -m tools.local.system_packages`.

As root on Debian or Ubuntu it installs those that are missing; elsewhere it prints the command.
Exit code 0 when everything is there, 1 when something is missing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import MissingProgramError
from tools.local import programs

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = ("postgresql", "postgresql-contrib", "pgbouncer", "openssl")


def main() -> int:
    problems = missing()
    if problems and os.geteuid() == 0 and shutil.which("apt-get"):
        install()
        problems = missing()
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - a command's output
    return 1 if problems else 0


def missing() -> list[str]:
    """Return one message per missing package, each with the command that installs it."""
    checks: tuple[Callable[[], object], ...] = (
        programs.postgres_binaries,
        programs.pgbouncer,
        programs.openssl,
        pgcrypto,
    )
    problems = []
    for check in checks:
        try:
            check()
        except MissingProgramError as error:
            problems.append(str(error))
    return problems


def pgcrypto() -> None:
    """Check that the newest server has contrib's pgcrypto.

    Raises:
        MissingProgramError: it has not.
    """
    try:
        folder = programs.postgres_binaries()
    except MissingProgramError:
        return  # said already
    answer = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
    if (
        answer.returncode == 0
        and not (Path(answer.stdout.strip()) / "extension" / "pgcrypto.control").exists()
    ):
        raise MissingProgramError(f"PostgreSQL's contrib modules are missing. {programs.how_to_install()}")


def install() -> None:
    """Install the packages through apt-get; its own output says what happens."""
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        # The distribution's own server and pooler must not start: the local system brings up its own.
        "RUNLEVEL": "1",
    }
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES],
    ):
        subprocess.run(command, env=environment, check=False)


if __name__ == "__main__":
    sys.exit(main())
