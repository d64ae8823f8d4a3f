"""Whose request it is: the token of Supabase's Auth, verified."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx
import jwt
from starlette.requests import Request

from vercel_app.database import Caller
from vercel_app.errors import HttpError, SettingsError
from vercel_app.key_set import ALGORITHM, KeySet
from vercel_app.settings import Settings

# The only role that `edge` may take.
ROLE = "authenticated"
AUDIENCE = "authenticated"
LEEWAY_SECONDS = 30
MAX_BYTES = 16_384
SHARED = "HS256"
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *", re.IGNORECASE)
# A key that a token brings along proves nothing, and what is critical must be understood (RFC 7515).
_REFUSED_HEADERS = {"jwk", "jku", "x5c", "x5u", "crit", "b64"}


class Callers:
    """Knows the keys of one Supabase.

    Args:
        settings: where Supabase is, and its secret.
        http: fetches its public keys.
    """

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._key_set = KeySet(f"{settings.supabase_url}/auth/v1/.well-known/jwks.json", http)

    async def authenticate(self, request: Request) -> Caller:
        """Return who calls.

        Raises:
            HttpError: 401, there is no token, or none that is accepted.
            UnavailableError: the public keys can't be fetched.
            SettingsError: SUPABASE_JWT_SECRET is no secret of HS256.
        """
        header = request.headers.get("authorization", "")
        if not header:
            raise _unauthorized("a bearer token is needed", "Bearer")
        match = _BEARER.fullmatch(header)
        if match is None or len(header) > MAX_BYTES:
            raise _refused()
        claims = await self._verified(match[1])
        if claims.get("role") != ROLE or not claims.get("sub"):
            raise _refused()
        return Caller(role=ROLE, claims=claims)

    async def _verified(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if not _REFUSED_HEADERS.isdisjoint(header):
                raise _refused()
            key, algorithm = await self._key(header)
            return self._decoded(token, key, algorithm)
        except jwt.InvalidKeyError as error:
            # A public key: anybody could sign with it.
            raise SettingsError(f"SUPABASE_JWT_SECRET is no secret of HS256: {error}") from None
        except jwt.InvalidTokenError:
            raise _refused() from None

    async def _key(self, header: Mapping[str, Any]) -> tuple[str | jwt.PyJWK, str]:
        """Find the key. The algorithm is the key's: a public key is never taken for a secret."""
        algorithm, secret = header.get("alg"), self._settings.jwt_secret
        if algorithm == SHARED and secret:
            return secret, SHARED
        key_id = header.get("kid")
        key = await self._key_set.find(key_id) if algorithm == ALGORITHM and isinstance(key_id, str) else None
        if key is None:
            raise _refused()
        return key, ALGORITHM

    def _decoded(self, token: str, key: str | jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        url = self._settings.supabase_url
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            issuer=[url, f"{url}/auth/v1"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp"], "enforce_minimum_key_length": True},
        )


def _refused() -> HttpError:
    return _unauthorized("the token is not accepted", 'Bearer error="invalid_token"')


def _unauthorized(message: str, challenge: str) -> HttpError:
    # RFC 6750, section 3
    return HttpError(HTTPStatus.UNAUTHORIZED, message, headers={"www-authenticate": challenge})
