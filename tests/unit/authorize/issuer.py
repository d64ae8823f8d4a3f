"""Supabase's Auth as the authorizer sees it: keys, tokens, and a server for the public half of the keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.unit.gateway import Gateway, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBJECT = "00000000-0000-4000-8000-000000000001"
SECRET = "a-shared-secret-of-at-least-thirty-two-characters"
# Any claim of the usual ones that is given as this is left out.
ABSENT = object()
PATH = "/auth/v1/.well-known/jwks.json"


class SigningKey:
    """A private key, and what Auth publishes of it."""

    def __init__(self, key_id: str, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
        self.id = key_id
        self.private = private
        is_ec = isinstance(private, ec.EllipticCurvePrivateKey)
        self.algorithm = "ES256" if is_ec else "RS256"
        kind: Any = ECAlgorithm if is_ec else RSAAlgorithm
        members = kind.to_jwk(private.public_key(), as_dict=True)
        self.published: dict[str, Any] = members | {
            "kid": key_id,
            "alg": self.algorithm,
            "use": "sig",
            "key_ops": ["verify"],
        }

    @classmethod
    def ec(cls, key_id: str) -> SigningKey:
        return cls(key_id, ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def rsa(cls, key_id: str, bits: int = 2048) -> SigningKey:
        return cls(key_id, rsa.generate_private_key(65537, bits))


class Issuer(Gateway):
    """Serves the keys that it publishes; replies given with `will` come first."""

    def __init__(self, *keys: SigningKey) -> None:
        super().__init__()
        self.published: list[Any] = [key.published for key in keys]

    def reply(self) -> Reply:
        return self._replies.popleft() if self._replies else Reply(body={"keys": self.published})

    @property
    def fetches(self) -> int:
        return len(self.seen)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a user's token."""
        now = int(time.time())
        usual = {
            "iss": f"{self.url}/auth/v1",
            "aud": "authenticated",
            "exp": now + 3600,
            "iat": now,
            "role": "authenticated",
            "sub": SUBJECT,
        }
        return {name: value for name, value in (usual | changed).items() if value is not ABSENT}

    def token(self, key: SigningKey | str = SECRET, /, **changed: Any) -> str:
        """A user's token, by a signing key or the shared secret."""
        if isinstance(key, str):
            return jwt.encode(self.claims(**changed), key, "HS256")
        return jwt.encode(self.claims(**changed), key.private, key.algorithm, headers={"kid": key.id})

    def api_key(self, role: str, /, **changed: Any) -> str:
        """An API key of the old form."""
        return self.token(**{"role": role, "iss": "supabase", "aud": ABSENT, "sub": ABSENT} | changed)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def part(members: Any) -> str:
    return encoded(json.dumps(members).encode())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hmac_signed(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """A token by HS256, whatever the header and the secret are: libraries refuse to make some."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
