"""Verifying a token as PostgREST does: HS256 with the shared secret, ES256 with Auth's public key."""

from typing import Any

import jwt

from tools.local.supabase_api.errors import ANONYMOUS, RestError
from tools.local.supabase_api.keys import ES256, HS256, Keys

LEEWAY_SECONDS = 30
PARTS = 3
# What the claims say is wrong, in PostgREST's words.
CLAIM_ERRORS: dict[type[jwt.InvalidTokenError], str] = {
    jwt.ExpiredSignatureError: "JWT expired",
    jwt.ImmatureSignatureError: "JWT not yet valid",
    jwt.InvalidIssuedAtError: "JWT issued at future",
}


class Verifier:
    """Knows the keys of one run."""

    def __init__(self, keys: Keys) -> None:
        self._secret = keys.jwt_secret
        self._public = {key["kid"]: jwt.PyJWK.from_dict(key) for key in keys.jwks()["keys"]}

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token.

        Raises:
            RestError: PGRST301, it can't be trusted; PGRST303, its time is over or still to come.
        """
        if not token:
            raise _refused("PGRST301", "Empty JWT is sent in Authorization header")
        parts = token.count(".") + 1
        if parts != PARTS:
            raise _refused("PGRST301", f"Expected {PARTS} parts in JWT; got {parts}")
        return self._decoded(token, self._key(token))

    def _key(self, token: str) -> Any:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise _refused("PGRST301", "JWT couldn't be decoded") from error
        # The algorithm decides which key may verify it: a public key is never an HS256 secret.
        if header.get("alg") == HS256:
            return self._secret
        if header.get("alg") != ES256:
            raise _refused("PGRST301", "Wrong or unsupported encoding algorithm")
        key = self._public.get(str(header.get("kid")))
        if key is None:
            raise _no_key()
        return key

    def _decoded(self, token: str, key: Any) -> dict[str, Any]:
        algorithm = HS256 if isinstance(key, str) else ES256
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                leeway=LEEWAY_SECONDS,
                # Supabase's PostgREST expects no audience.
                options={"verify_aud": False, "verify_sub": False, "verify_jti": False},
            )
        except tuple(CLAIM_ERRORS) as error:
            raise _refused("PGRST303", CLAIM_ERRORS[type(error)]) from error
        except jwt.InvalidTokenError as error:
            raise _no_key() from error
        return claims


def role_of(claims: dict[str, Any]) -> str:
    """Return the database role that a token acts as; one that names none acts as nobody in particular."""
    return str(claims.get("role") or ANONYMOUS)


def _no_key() -> RestError:
    return _refused(
        "PGRST301", "No suitable key or wrong key type", "None of the keys was able to decode the JWT"
    )


def _refused(code: str, message: str, details: str | None = None) -> RestError:
    header = f'Bearer error="invalid_token", error_description="{message}"'
    return RestError(401, code, message, details=details, headers={"WWW-Authenticate": header})
