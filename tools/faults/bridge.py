"""The deployment that the suite breaks: its declaration, and the CDK CLI."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tools.errors import LocalError
from tools.faults.partner import NAME as PARTNER
from tools.local import deploy
from tools.local.aws import REGION
from tools.local.declaration import SHOP, routes, write_declaration
from tools.local.system import System
from tools.processes import run

ROOT = Path(__file__).parents[2]
SCHEMA = SHOP / "schema.sql"
CREATED = """
[[webhooks]]
name = "order.created"
table = "public.orders"
operations = ["insert"]
when = "new.total > 0 and new.currency <> 'usd'"
target = "process_order"
"""
EXPORTED = f"""
[[webhooks]]
name = "order.exported"
table = "public.orders"
operations = ["insert"]
when = "new.currency = 'usd'"
target = ["{PARTNER}", "process_order"]
"""
SETTINGS = f"""
[[targets]]
name = "{PARTNER}"
url = "https://partner.example/hooks/{{webhook}}"

[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
fast_path_grace = 5
rotation_days = 0
allowed_target_ranges = ["127.0.0.0/8"]
"""


class Bridge:
    """The app with the suite's declaration, deployed and deployed again.

    Args:
        system: a running one.
        folder: where to write the declaration.
        partner_url: of the target outside.
    """

    def __init__(self, system: System, folder: Path, *, partner_url: str) -> None:
        self._system = system
        self._folder = folder
        self._config = folder / "bridge.toml"
        self._partner_url = partner_url

    def prepare(self) -> None:
        """Make the tables, and prepare the local AWS for the CDK."""
        with psycopg.connect(self._system.direct_url, autocommit=True) as connection:
            connection.execute(SCHEMA.read_bytes())
        deploy.bootstrap(self._system)

    def deploy(
        self,
        webhooks: str = CREATED + EXPORTED,
        *,
        api: str = "",
        once_filled: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """Deploy webhooks.

        Args:
            webhooks: as bridge.toml has them.
            api: address of what stands before the API; default: nothing does.
            once_filled: as of `tools.local.deploy.deploy`.

        Returns:
            The outputs of the bridge stack.

        Raises:
            DeployError: the deployment failed; the message says why.
        """
        write_declaration(webhooks + SETTINGS + routes(), self._folder)
        context = {"target_urls": f"{PARTNER}={self._partner_url}/hooks/{{webhook}}"}
        if api:
            context["webhook_url"] = f"{api}/_aws/execute-api/{{api_id}}/$default"
        return deploy.deploy(self._system, config=self._config, context=context, once_filled=once_filled)

    def redrive(self) -> None:
        """Send the worker's dead letters back, as whoever operates it does.

        Raises:
            LocalError: that failed; the message holds the output.
        """
        command = [sys.executable, "-m", "tools.cli", "redrive", "process_order"]
        options = ["--stage", deploy.STAGE, "--config", str(self._config), "--region", REGION, "--yes"]
        code, said = run([*command, *options], environment=self._system.environment(), directory=ROOT)
        if code:
            raise LocalError(f"redriving failed:\n{said}")

    def partner_secret(self) -> str:
        return deploy.signing_secret(self._system, f"target-{PARTNER}")


def by_way_of(proxy: str, url: str) -> str:
    """Return an address with the scheme, host and port of a proxy."""
    there, through = urlsplit(url), urlsplit(proxy)
    return there._replace(scheme=through.scheme, netloc=through.netloc).geturl()
