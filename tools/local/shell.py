"""What a shell needs to speak to the system on this machine, and to nothing real."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tools.cdk_cli import ROOT
from tools.local import programs
from tools.local.aws import AWS_PREFIX, client_environment
from tools.local.state import State

FILE = ROOT / "build" / "local" / "environment.sh"


def write(state: State, path: Path = FILE, *, api_url: str = "") -> None:
    """Write what `. build/local/environment.sh` sets, readable by its owner only: it holds a password.

    Args:
        state: the running system.
        path: the file.
        api_url: where functions answer, once they are deployed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    # With the server's own psql: Debian's PgBouncer brings one that only says which package is missing.
    folders = [ROOT / ".venv" / "bin", ROOT / "node_modules" / ".bin", programs.postgres_binaries()]
    programs_path = shlex.quote(os.pathsep.join(str(folder) for folder in folders))
    lines = [
        "# Made by `make up`, for a shell that is to speak to the system on this machine.",
        # A profile or a token of a real account would go before what is set here.
        f"unset $(env | sed -n 's/^\\({AWS_PREFIX}[A-Z_]*\\)=.*/\\1/p')",
        *(f"export {name}={shlex.quote(value)}" for name, value in _variables(state).items()),
        *([f"export API_URL={shlex.quote(api_url)}"] if api_url else []),
        f'export PATH={programs_path}:"$PATH"',
    ]
    path.write_text("\n".join([*lines, ""]))


def _variables(state: State) -> dict[str, str]:
    aws = {
        name: value
        for name, value in client_environment(state.aws_endpoint).items()
        if name.startswith((AWS_PREFIX, "CDK_DEFAULT_"))
    }
    return {**aws, **_libpq(state.direct_url)}


def _libpq(url: str) -> Mapping[str, str]:
    """The variables that psql and its like read, by libpq's names."""
    parts = urlsplit(url)
    found = {
        "PGHOST": parts.hostname or parse_qs(parts.query).get("host", [""])[0],
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.removeprefix("/")),
    }
    return {name: value for name, value in found.items() if value}
