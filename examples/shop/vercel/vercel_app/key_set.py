"""The public keys of Supabase's Auth, from its JSON Web Key Set (RFC 7517)."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import httpx
import jwt

from vercel_app import logs, supabase
from vercel_app.errors import UnavailableError

ALGORITHM = "ES256"
# Beyond this age keys are fetched again: a key that was withdrawn verifies nothing any more.
LIFETIME_SECONDS = 600.0
# An outage of Auth mustn't lock out everybody at once; neither must it keep withdrawn keys alive.
MAX_AGE_SECONDS = 3_600.0
# Anybody can make up key ids, and an outage lasts. Neither must turn into as many requests to Auth.
PACE_SECONDS = 30.0
# Without any key nobody gets in, so that a short trouble should not become a long one.
NO_KEYS_PACE_SECONDS = 2.0
_SECONDS = 3.0
# All that is read of a key.
_MEMBERS = ("kty", "crv", "x", "y")


class KeySet:
    """Keys by their id, kept by the instance.

    By the wall clock: others stand still while the instance is frozen.

    Args:
        url: of the key set.
        http: fetches it.
    """

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = 0.0
        self._tried_at = 0.0
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return a key; None if Auth has none of this id.

        Raises:
            UnavailableError: there are no keys, or too old ones, and they can't be fetched.
        """
        async with self._lock:
            if not (key_id in self._keys and _age(self._fetched_at) < LIFETIME_SECONDS):
                await self._refresh()
        if _age(self._fetched_at) >= MAX_AGE_SECONDS:
            raise UnavailableError("Supabase's public keys can't be fetched")
        return self._keys.get(key_id)

    async def _refresh(self) -> None:
        """Fetch the keys, if that is not too soon; on a failure those known stay, and a warning is logged."""
        too_old = _age(self._fetched_at) >= MAX_AGE_SECONDS
        if _age(self._tried_at) < (NO_KEYS_PACE_SECONDS if too_old else PACE_SECONDS):
            return
        self._tried_at = time.time()
        try:
            self._keys = dict(_usable(await self._download()))
            self._fetched_at = time.time()
        except (_NoKeySetError, UnavailableError) as error:
            logs.warning("public keys could not be fetched", url=self._url, reason=str(error))

    async def _download(self) -> list[Any]:
        headers = {"accept": "application/json"}
        response = await supabase.get(self._http, self._url, seconds=_SECONDS, headers=headers)
        if response.status_code != HTTPStatus.OK:
            raise _NoKeySetError(f"status {response.status_code}")
        try:
            found = response.json()
        except ValueError:
            raise _NoKeySetError("no JSON") from None
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise _NoKeySetError('no object with a list of "keys"')
        keys: list[Any] = found["keys"]
        return keys


class _NoKeySetError(Exception):
    """What came is no key set."""


def _age(at: float) -> float:
    age = time.time() - at
    # A clock that was set back says nothing about the age.
    return age if age >= 0 else float("inf")


def _usable(keys: list[Any]) -> Iterator[tuple[str, jwt.PyJWK]]:
    for members in keys:
        # Symmetric keys ("oct") have no place where anybody can read them: their type is none of ours.
        if not isinstance(members, dict) or not isinstance(members.get("kid"), str) or not _verifies(members):
            continue
        try:
            yield members["kid"], jwt.PyJWK({name: members[name] for name in _MEMBERS}, ALGORITHM)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            logs.warning("a public key is not used", kid=members["kid"], reason=type(error).__name__)


def _verifies(members: Mapping[str, Any]) -> bool:
    operations = members.get("key_ops", ["verify"])
    return (
        members.get("kty") == "EC"
        and members.get("crv") == "P-256"
        and members.get("alg", ALGORITHM) == ALGORITHM
        and members.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )
