"""GET /api/users?limit=: what anyone may see of users, over Supabase's REST API and Vercel's CDN.

The CDN keeps an answer for each spelling of the address. There are 101 of them and no others, so that nobody
can fill it, or have each request reach Supabase: https://vercel.com/docs/caching/cdn-cache
"""

import re
from http import HTTPStatus
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from vercel_app import supabase
from vercel_app.answers import answer
from vercel_app.errors import HttpError, SettingsError, UnavailableError
from vercel_app.instance import Instance
from vercel_app.settings import Settings

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
SECONDS = 8.0
FRESH_SECONDS = 60
# The CDN answers with what it has for so much longer, while it asks for a new one.
STALE_SECONDS = 600
_QUERY = re.compile(rb"limit=([1-9][0-9]?|100)")
_HEADERS = {
    # Vercel's CDN alone reads this, and takes it off.
    "vercel-cdn-cache-control": f"s-maxage={FRESH_SECONDS}, stale-while-revalidate={STALE_SECONDS}",
    # Browsers, and caches in between.
    "cache-control": f"public, max-age={FRESH_SECONDS}",
}


async def list_users(request: Request) -> Response:
    """Answer with the first users, in the order of their ids."""
    limit = _limit(request)
    instance = Instance.of(request)
    users = await _fetch(limit, instance.settings, instance.http)
    return answer(HTTPStatus.OK, {"users": users}, _HEADERS)


def _limit(request: Request) -> int:
    query: bytes = request.scope["query_string"]
    # Another spelling of the path would be another answer to keep.
    if request.scope["raw_path"] != request.scope["path"].encode():
        raise HttpError(HTTPStatus.NOT_FOUND, "not found")
    if not query:
        return DEFAULT_LIMIT
    match = _QUERY.fullmatch(query)
    if match is None:
        raise HttpError(
            HTTPStatus.BAD_REQUEST, f'there is one parameter: "limit", a number from 1 to {MAX_LIMIT}'
        )
    return int(match[1])


async def _fetch(limit: int, settings: Settings, http: httpx.AsyncClient) -> list[Any]:
    response = await supabase.get(
        http,
        f"{settings.supabase_url}/rest/v1/profiles",
        seconds=SECONDS,
        # No bearer token: a publishable key is none, and without one the role is anon.
        headers={"apikey": settings.anon_key, "accept": "application/json"},
        parameters={"select": "id,name,created_at", "order": "id", "limit": str(limit)},
    )
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise SettingsError("SUPABASE_ANON_KEY is not accepted by Supabase, or may not read profiles")
    if response.status_code != HTTPStatus.OK:
        raise _failed(f"status {response.status_code}")
    try:
        users: list[Any] = response.json()
    except ValueError:
        raise _failed("no JSON") from None
    return users


def _failed(reason: str) -> UnavailableError:
    return UnavailableError("Supabase's REST API failed", status=HTTPStatus.BAD_GATEWAY, reason=reason)
