"""Stripe on one machine: localstripe, in one process of its own, its state in memory and gone with it."""

import secrets
import sys
from pathlib import Path

import httpx

from tools.local.directories import RunDirectory
from tools.local.part import HttpPart

ROOT = Path(__file__).parents[2]


class Stripe(HttpPart):
    """Stripe's API for the one secret key `key`; `url` stands in for https://api.stripe.com."""

    name = "stripe"
    title = "localstripe"
    command = (sys.executable, "-m", "tools.local.stripe_server")

    def __init__(self, *, run_directory: RunDirectory, log: Path) -> None:
        super().__init__(run_directory=run_directory, log=log)
        self.key = f"sk_test_{secrets.token_hex(16)}"

    def _environment(self) -> dict[str, str]:
        home = str(self.home)
        return {
            "PYTHONPATH": str(ROOT),
            "HOME": home,
            "TMPDIR": home,
            "STRIPE_SETTINGS": self._settings_file({"port": self.port, "key": self.key}),
        }

    def _is_up(self, client: httpx.Client) -> bool:
        return client.get("/v1/balance", headers={"Authorization": f"Bearer {self.key}"}).is_success
