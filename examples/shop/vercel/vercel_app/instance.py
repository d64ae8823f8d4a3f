"""What one instance keeps between requests. Nothing is made before a request needs it."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import httpx
from starlette.requests import Request

from vercel_app.database import Database
from vercel_app.settings import Settings

if TYPE_CHECKING:
    from vercel_app.callers import Callers
    from vercel_app.payments.intents import Intents

_CONNECT_SECONDS = 2.0
_READ_SECONDS = 5.0


class Instance:
    """An instance of the function, which several requests share.

    Args:
        environment: the project's variables.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings = Settings(environment)
        self.database = Database(self.settings)

    @classmethod
    def of(cls, request: Request) -> "Instance":
        """Return the instance that answers a request."""
        instance: Instance = request.app.state.instance
        return instance

    @cached_property
    def http(self) -> httpx.AsyncClient:
        """For Supabase and Stripe; its connections are kept."""
        timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        # Neither a proxy nor a .netrc with another key, whatever the machine says.
        return httpx.AsyncClient(timeout=timeout, trust_env=False)

    @cached_property
    def callers(self) -> "Callers":
        """Knows who a token speaks for."""
        from vercel_app.callers import Callers  # noqa: PLC0415  # its cryptography, for payments alone

        return Callers(self.settings, self.http)

    @cached_property
    def intents(self) -> "Intents":
        """Stripe's side of payments."""
        from vercel_app.payments.intents import Intents  # noqa: PLC0415  # Stripe's SDK, for payments alone

        return Intents(self.settings, self.http)

    async def close(self) -> None:
        """Close every connection."""
        await self.database.close()
        if "http" in self.__dict__:
            await self.http.aclose()
