"""The public keys of Supabase's Auth, from its JSON Web Key Set (RFC 7517)."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jwt
import urllib3
from urllib3.exceptions import HTTPError

from authorize.errors import KeysUnavailableError
from authorize.pace import Pace

# Beyond this age keys are fetched again: a key that was withdrawn verifies nothing any more.
LIFETIME_SECONDS = 600.0
# An outage of Auth mustn't lock out everybody at once; neither must it keep withdrawn keys alive.
MAX_AGE_SECONDS = 3600.0
# Anybody can make up key ids. They mustn't turn into as many requests to Auth.
UNKNOWN_KEY_SECONDS = 30.0
# Without any key nobody gets in, so that a short trouble should not become a long one.
NO_KEYS_SECONDS = 2.0
MAX_BYTES = 65_536
_TIMEOUT = urllib3.Timeout(connect=2.0, read=2.0)
_OK = 200
# By algorithm: the members of the key type that it takes, which are all that is read of a key.
_MEMBERS = {"ES256": ("kty", "crv", "x", "y"), "RS256": ("kty", "n", "e")}
_TYPES = {"EC": "ES256", "RSA": "RS256"}
_logger = logging.getLogger("authorize")


class KeySet:
    """Keys by algorithm and id, kept in the running function.

    Args:
        url: of the key set.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys: Mapping[tuple[str, str], jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._unknown_key = Pace(UNKNOWN_KEY_SECONDS)
        self._no_keys = Pace(NO_KEYS_SECONDS)
        self._http = urllib3.PoolManager(cert_reqs="CERT_REQUIRED")

    def find(self, algorithm: str, key_id: str) -> jwt.PyJWK | None:
        """Return a key; None if Auth has none of this algorithm and id.

        Raises:
            KeysUnavailableError: there are no keys, or too old ones, and they can't be fetched.
        """
        wanted = algorithm, key_id
        known = self._age() < LIFETIME_SECONDS and wanted in self._keys
        if not known and (self._unknown_key.allows() or (self._too_old() and self._no_keys.allows())):
            self._fetch()
        if self._too_old():
            raise KeysUnavailableError(f"no public keys: {self.url} could not be fetched; see the warnings")
        return self._keys.get(wanted)

    def _age(self) -> float:
        age = float("inf") if self._fetched_at is None else time.time() - self._fetched_at
        # A clock that was set back says nothing about the age.
        return age if age >= 0 else float("inf")

    def _too_old(self) -> bool:
        return self._age() >= MAX_AGE_SECONDS

    def _fetch(self) -> None:
        """Fetch the keys; on any failure those known stay, and a warning says why."""
        try:
            self._keys = _usable(self._download())
            self._fetched_at = time.time()
        except (HTTPError, ValueError) as error:
            reason = str(error) if isinstance(error, _FetchError) else type(error).__name__
            fields = {"url": self.url, "reason": reason}
            _logger.warning("public keys could not be fetched", extra={"fields": fields})

    def _download(self) -> list[Any]:
        response = self._http.request(
            "GET",
            self.url,
            headers={"Accept": "application/json"},
            redirect=False,
            retries=False,
            timeout=_TIMEOUT,
            preload_content=False,
        )
        try:
            if response.status != _OK:
                raise _FetchError(f"status {response.status}")
            body = response.read(MAX_BYTES + 1, decode_content=False)
        finally:
            response.close()
        if len(body) > MAX_BYTES:
            raise _FetchError(f"more than {MAX_BYTES} bytes")
        found = json.loads(body)
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise _FetchError('no JSON object with a list of "keys"')
        keys: list[Any] = found["keys"]
        return keys


class _FetchError(ValueError):
    """What came is no key set."""


def _usable(keys: list[Any]) -> dict[tuple[str, str], jwt.PyJWK]:
    return {(key.algorithm_name, key_id): key for key_id, key in _read(keys)}


def _read(keys: list[Any]) -> Iterator[tuple[str, jwt.PyJWK]]:
    for members in keys:
        if not isinstance(members, dict):
            continue
        # Symmetric keys ("oct") have no place where anybody can read them: their type is none of ours.
        algorithm = _TYPES.get(str(members.get("kty")), "")
        key_id = members.get("kid")
        if not algorithm or not isinstance(key_id, str) or not _verifies(members, algorithm):
            continue
        try:
            key = jwt.PyJWK({name: members[name] for name in _MEMBERS[algorithm]}, algorithm)
            weakness = key.Algorithm.check_key_length(key.key) or _wrong_curve(key)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            weakness = type(error).__name__
        if weakness:
            _logger.warning("a public key is not used", extra={"fields": {"kid": key_id, "reason": weakness}})
        else:
            yield key_id, key


def _verifies(members: Mapping[str, Any], algorithm: str) -> bool:
    operations = members.get("key_ops", ["verify"])
    return (
        members.get("alg", algorithm) == algorithm
        and members.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _wrong_curve(key: jwt.PyJWK) -> str:
    try:
        key.Algorithm.prepare_key(key.key)
    except jwt.InvalidKeyError as error:
        return str(error)
    return ""
