"""The stand-in as a part of the local system: one process on a free port."""

import sys
from dataclasses import asdict
from pathlib import Path

import httpx

from tools.local.directories import RunDirectory
from tools.local.part import HttpPart
from tools.local.supabase_api.keys import Keys

ROOT = Path(__file__).parents[3]


class SupabaseApi(HttpPart):
    """The HTTP side of a Supabase on one database, with keys of this run alone; `url` is the gateway's."""

    name = "supabase_api"
    title = "The stand-in for Supabase's API"
    command = (sys.executable, "-m", "tools.local.supabase_api")

    def __init__(self, database_url: str, *, run_directory: RunDirectory, log: Path) -> None:
        """Prepare it.

        Args:
            database_url: the address of a role that may become anon, authenticated and service_role.
            run_directory: where the contents of objects go, gone with it.
            log: where its output goes.
        """
        super().__init__(run_directory=run_directory, log=log)
        self._database_url = database_url
        self.keys = Keys.generate()

    def _environment(self) -> dict[str, str]:
        objects = self.home / "objects"
        objects.mkdir(exist_ok=True)
        settings = {
            "port": self.port,
            "database_url": self._database_url,
            "directory": str(objects),
            "keys": asdict(self.keys),
        }
        return {"PYTHONPATH": str(ROOT), "SUPABASE_API_SETTINGS": self._settings_file(settings)}

    def _is_up(self, client: httpx.Client) -> bool:
        return bool(client.get("/auth/v1/.well-known/jwks.json").json() == self.keys.jwks())
