"""The application: gateway, PostgREST, Storage and Auth's public keys in one."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tools.local.supabase_api.database import Pool
from tools.local.supabase_api.gateway import Gateway
from tools.local.supabase_api.keys import Keys
from tools.local.supabase_api.rest import Rest
from tools.local.supabase_api.storage import Storage
from tools.local.supabase_api.storage_files import Files
from tools.local.supabase_api.tokens import Verifier


@dataclass(frozen=True)
class Settings:
    """What one run is told: the database, the keys, where the contents of objects go."""

    database_url: str
    keys: Keys
    directory: Path


def application(settings: Settings) -> Starlette:
    """Return the application of one run."""
    verifier = Verifier(settings.keys)
    # Each service has its own connections, as in Supabase.
    rest = Pool(settings.database_url, "postgrest")
    storage = Pool(settings.database_url, "Supabase Storage API")
    objects = Storage(storage, verifier, Files(settings.directory), signing_secret=settings.keys.jwt_secret)

    async def jwks(_: Request) -> Response:
        return JSONResponse(settings.keys.jwks(), headers={"Cache-Control": "public, max-age=600"})

    async def health(_: Request) -> Response:
        return JSONResponse({"version": "stand-in", "name": "GoTrue", "description": "public keys only"})

    @contextlib.asynccontextmanager
    async def connected(_: Starlette) -> AsyncIterator[None]:
        yield
        await rest.close()
        await storage.close()

    return Starlette(
        routes=[
            Route("/auth/v1/.well-known/jwks.json", jwks),
            Route("/auth/v1/health", health),
            Mount("/rest/v1", routes=Rest(rest, verifier).routes()),
            Mount("/storage/v1", routes=objects.routes()),
        ],
        middleware=[Middleware(Gateway, keys=settings.keys)],
        lifespan=connected,
    )
