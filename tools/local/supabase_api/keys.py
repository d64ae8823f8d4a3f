"""The keys of one Supabase: what its .env holds, and tokens made with them."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tools.errors import LocalError

AUDIENCE = "authenticated"
KEY_SECONDS = 10 * 365 * 24 * 3600
TOKEN_SECONDS = 3600
HS256 = "HS256"
ES256 = "ES256"


@dataclass(frozen=True)
class Keys:
    """Both kinds of API keys: tokens of the roles anon and service_role, and opaque ones that stand for them.

    `signing_key` is the private key of ES256 as PEM, of which JWKS shows the public half; empty for a given
    Supabase, which alone has it.
    """

    jwt_secret: str
    anon_key: str
    service_role_key: str
    publishable_key: str = ""
    secret_key: str = ""
    signing_key: str = ""

    @classmethod
    def generate(cls) -> Self:
        secret = secrets.token_urlsafe(48)
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return cls(
            jwt_secret=secret,
            anon_key=jwt.encode(_key_claims("anon"), secret, HS256),
            service_role_key=jwt.encode(_key_claims("service_role"), secret, HS256),
            publishable_key=f"sb_publishable_{secrets.token_urlsafe(16)}_{secrets.token_hex(4)}",
            secret_key=f"sb_secret_{secrets.token_urlsafe(16)}_{secrets.token_hex(4)}",
            signing_key=pem.decode(),
        )

    @cached_property
    def key_id(self) -> str:
        """The `kid` of the signing key, its thumbprint (RFC 7638): another run's key has another one."""
        members = json.dumps(self._public, separators=(",", ":"), sort_keys=True)
        return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")

    def jwks(self) -> dict[str, Any]:
        """Return what Auth shows at /.well-known/jwks.json."""
        if not self.signing_key:
            return {"keys": []}
        shown = {"kid": self.key_id, "alg": ES256, "use": "sig", "key_ops": ["verify"], "ext": True}
        return {"keys": [self._public | shown]}

    def token(
        self,
        subject: str,
        role: str = "authenticated",
        *,
        issuer: str,
        algorithm: str = HS256,
        secret: str | None = None,
        **claims: Any,
    ) -> str:
        """Return a user's token, valid for an hour, as Auth would issue it.

        Args:
            subject: the user's id; empty: a token without one.
            role: the database role that it acts as.
            issuer: the external address of Auth.
            algorithm: HS256, with the shared secret, or ES256, with the signing key.
            secret: signs an HS256 token instead of the shared secret, to forge one.
            claims: added, or instead of those that it would have; None leaves a claim out.

        Raises:
            LocalError: ES256 with a Supabase that isn't of this machine, whose private key nobody else has.
        """
        now = int(time.time())
        usual = {
            "iss": issuer,
            "aud": AUDIENCE,
            "exp": now + TOKEN_SECONDS,
            "iat": now,
            "role": role,
            "sub": subject or None,
        }
        wanted = {name: value for name, value in (usual | claims).items() if value is not None}
        if algorithm == HS256:
            return jwt.encode(wanted, secret or self.jwt_secret, HS256)
        if not self.signing_key:
            raise LocalError("only the Supabase that SUPABASE_URL names can sign ES256 tokens: use HS256")
        return jwt.encode(wanted, self.signing_key, algorithm, headers={"kid": self.key_id})

    def behind(self, key: str) -> str | None:
        """Return the token that the gateway puts in the place of an opaque key; None for any other key."""
        roles = {self.publishable_key: "anon", self.secret_key: "service_role"}
        role = roles.get(key) if key else None
        if role is None:
            return None
        return jwt.encode(_key_claims(role), self.signing_key, ES256, headers={"kid": self.key_id})

    @cached_property
    def _public(self) -> dict[str, Any]:
        private = serialization.load_pem_private_key(self.signing_key.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise LocalError("the signing key is not one of an elliptic curve")
        return dict(ECAlgorithm.to_jwk(private.public_key(), as_dict=True))


def _key_claims(role: str) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": "supabase", "role": role, "iat": now, "exp": now + KEY_SECONDS}
