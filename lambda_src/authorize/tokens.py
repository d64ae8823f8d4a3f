"""Verifying a token: its key by algorithm and id, its signature, its time, and whom it speaks for.

As Supabase's own services have it: users' tokens are signed with the shared secret (HS256) or a signing key
(ES256, RS256), and so are the API keys that are tokens: SERVICE_ROLE_KEY, SERVICE_ROLE_KEY_ASYMMETRIC.
"""

import re
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from authorize.errors import DeniedError
from authorize.key_set import KeySet
from authorize.pace import Pace
from authorize.settings import Settings
from bridge import secrets
from bridge.errors import SecretError

MAX_BYTES = 16_384
LEEWAY_SECONDS = 30
# A rotated secret is read at once. Forged tokens must not turn into as many reads of the entry.
REREAD_SECONDS = 30.0
SHARED = "HS256"
PUBLIC = ("ES256", "RS256")
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# A key that a token brings along proves nothing, and what is critical must be understood (RFC 7515).
_REFUSED_HEADERS = {"jwk", "jku", "x5c", "x5u", "crit", "b64"}
_API_KEY_ROLES = ("anon", "service_role")
_API_KEY_ISSUERS = ("supabase", "supabase-demo")
_REASONS: Mapping[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidSignatureError: "signature",
    jwt.MissingRequiredClaimError: "claims",
    jwt.InvalidIssuedAtError: "claims",
    InvalidSubjectError: "subject",
    jwt.InvalidAlgorithmError: "algorithm",
}


class Verifier:
    """Knows the keys of one Supabase."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key_set: KeySet | None = None
        self._reread = Pace(REREAD_SECONDS)

    def verify(self, token: str) -> dict[str, Any]:
        """Verify a token.

        Returns:
            Its claims; "role" is a string, and so is "sub" if there is one.

        Raises:
            DeniedError: it is not accepted.
            SecretError: the entry with the shared secret can't be read, or doesn't hold what it should.
            KeysUnavailableError: the public keys can't be fetched.
        """
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm == SHARED:
            claims = self._by_secret(token)
        elif algorithm in PUBLIC:
            claims = self._by_public_key(token, algorithm, header.get("kid"))
        else:
            raise DeniedError("algorithm")
        self._check(claims)
        return claims

    def _by_secret(self, token: str) -> dict[str, Any]:
        entry = secrets.get(self._settings.secret_id)
        try:
            return self._decode_with_secret(token, entry)
        except DeniedError as error:
            if error.reason != "signature" or not self._reread.allows():
                raise
            current = secrets.refresh(self._settings.secret_id)
            if current == entry:
                raise
        return self._decode_with_secret(token, current)

    def _decode_with_secret(self, token: str, entry: Mapping[str, str]) -> dict[str, Any]:
        secret = entry.get("jwt_secret")
        if not secret:
            # Signed with nothing that is known: Supabase has signing keys only.
            raise DeniedError("signature")
        try:
            return _decode(token, secret, SHARED)
        except jwt.InvalidKeyError as error:
            # Too short, or a public key: anybody could sign with it.
            raise SecretError(
                f'"jwt_secret" of secret "{self._settings.secret_id}" is no secret of HS256: {error}'
            ) from None

    def _by_public_key(self, token: str, algorithm: str, key_id: object) -> dict[str, Any]:
        if not isinstance(key_id, str):
            raise DeniedError("key_id")
        key = self._keys().find(algorithm, key_id)
        if key is None:
            raise DeniedError("key_id")
        return _decode(token, key, algorithm)

    def _keys(self) -> KeySet:
        url = self._settings.jwks_url or f"{self._url()}/auth/v1/.well-known/jwks.json"
        if self._key_set is None or self._key_set.url != url:
            self._key_set = KeySet(url)
        return self._key_set

    def _url(self) -> str:
        return secrets.field(self._settings.secret_id, "url").strip().rstrip("/")

    def _issuers(self) -> tuple[str, ...]:
        return self._settings.issuers or (self._url(), f"{self._url()}/auth/v1")

    def _check(self, claims: Mapping[str, Any]) -> None:
        role, subject = claims.get("role"), claims.get("sub")
        if not isinstance(role, str) or not role:
            raise DeniedError("role")
        is_api_key = role in _API_KEY_ROLES
        if claims.get("iss") not in self._issuers() + (_API_KEY_ISSUERS if is_api_key else ()):
            raise DeniedError("issuer")
        if not (is_api_key and "aud" not in claims) and self._settings.audience not in _audience(claims):
            raise DeniedError("audience")
        if role == "authenticated" and not subject:
            raise DeniedError("subject")


def _audience(claims: Mapping[str, Any]) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_BYTES:
        raise DeniedError("size")
    if not _COMPACT.fullmatch(token):
        raise DeniedError("malformed")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise DeniedError("malformed") from None
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise DeniedError("header")
    return header


def _decode(token: str, key: str | jwt.PyJWK, algorithm: str) -> dict[str, Any]:
    """Verify signature and time; the algorithm is the key's, never the token's."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["exp"],
                "enforce_minimum_key_length": True,
                # Which of these are required depends on the role.
                "verify_aud": False,
                "verify_iss": False,
            },
        )
    except jwt.InvalidTokenError as error:
        reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), "malformed")
        raise DeniedError(reason) from None
