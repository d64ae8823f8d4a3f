"""The functions of examples/shop/vercel on one machine: the application that Vercel serves, in its server.

Vercel's runtime (vercel-runtime on PyPI) runs uvicorn. Its CDN, its limits and its freezing are not here.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from tools.local.directories import RunDirectory
from tools.local.part import HttpPart

SERVER = Path(__file__).parent / "vercel_server.py"
FOLDER = Path(__file__).parents[1] / "vercel"
HEALTH = {"status": "ok"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the project's environment variables hold; those that are empty are not set.

    Attributes:
        database_url: the pooled address of the database, with the role `edge` and its password.
        supabase_url: the address of Supabase's gateway.
        supabase_anon_key: its key for anyone.
        supabase_jwt_secret: what signs users' tokens; empty: signing keys alone do.
        webhook_signing_secret: one or two, separated by a space; empty: none is known yet.
        stripe_secret_key: of the account that charges.
        stripe_api_base: the address of Stripe; empty: its own.
        database_tls: as DATABASE_TLS; databases of this machine have none.
    """

    database_url: str
    supabase_url: str
    supabase_anon_key: str
    supabase_jwt_secret: str = ""
    webhook_signing_secret: str = ""
    stripe_secret_key: str = ""
    stripe_api_base: str = ""
    database_tls: str = "disable"

    def environment(self) -> dict[str, str]:
        """Return the variables, by their names."""
        return {name.upper(): value for name, value in vars(self).items() if value}


class VercelApp(HttpPart):
    """The functions; other settings count from the next start."""

    name = "vercel"
    title = "The Vercel functions"
    # Isolated: neither the repository nor what the environment says is on its path.
    command = (sys.executable, "-I", str(SERVER))

    def __init__(self, settings: Settings, *, run_directory: RunDirectory, log: Path, port: int = 0) -> None:
        """Prepare it.

        Args:
            settings: what its environment holds.
            run_directory: where its settings are while it runs.
            log: where its output goes.
            port: to listen on; 0: any that is free.
        """
        super().__init__(run_directory=run_directory, log=log, port=port)
        self.settings = settings

    def _environment(self) -> dict[str, str]:
        settings = {
            "port": self.port,
            "folder": str(FOLDER),
            "environment": self.settings.environment(),
        }
        return {"TMPDIR": str(self.home), "VERCEL_APP_SETTINGS": self._settings_file(settings)}

    def _is_up(self, client: httpx.Client) -> bool:
        return bool(client.get("/api/health").json() == HEALTH)
