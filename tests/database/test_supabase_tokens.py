"""Which tokens the stand-in for Supabase's API takes: those that it signed, while they are valid."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.supabase_api import ADA, Supabase, problem, running
from tools.local.supabase_api.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server


@pytest.fixture(scope="module")
def supabase(server: Server, supabase_template: str) -> Iterator[Supabase]:
    with running(server, supabase_template) as supabase:
        yield supabase


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def unsigned(claims: dict[str, Any], algorithm: str = "none", **header: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"} | header, claims]
    return ".".join([*(encoded(json.dumps(part).encode()) for part in parts), ""])


def signed_with(secret: bytes, claims: dict[str, Any], key_id: str) -> str:
    """A token that confuses an asymmetric key's public half with a shared secret."""
    token = unsigned(claims, "HS256", kid=key_id)
    return token + encoded(hmac.digest(secret, token.removesuffix(".").encode(), "sha256"))


def should_refuse_an_expired_token(supabase: Supabase) -> None:
    answer = supabase.rest("GET", "users", token=supabase.token(exp=int(time.time()) - 60))
    assert problem(answer) == (401, "PGRST303")
    assert answer.json()["message"] == "JWT expired"
    assert "invalid_token" in answer.headers["www-authenticate"]


def should_forgive_a_clock_that_is_half_a_minute_off(supabase: Supabase) -> None:
    token = supabase.token(exp=int(time.time()) - 5, iat=int(time.time()) + 5)
    assert supabase.rest("GET", "users", token=token).status_code == 200


def should_refuse_tokens_that_it_did_not_sign(supabase: Supabase) -> None:
    keys, claims = supabase.api.keys, {"role": "service_role", "sub": ADA}
    public = jwt.PyJWK.from_dict(keys.jwks()["keys"][0]).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = Keys.generate()
    refused = {
        "another secret": supabase.token(secret="another secret of thirty-two bytes"),
        "another key": other.token(ADA, issuer="x", algorithm="ES256"),
        "another key by our name": jwt.encode(
            claims, other.signing_key, "ES256", headers={"kid": keys.key_id}
        ),
        "our public key as a secret": signed_with(pem, claims, keys.key_id),
        "our shown key as a secret": signed_with(json.dumps(keys.jwks()).encode(), claims, keys.key_id),
        "none": unsigned(claims),
        "None": unsigned(claims, "None"),
        "no signature": supabase.token().rpartition(".")[0] + ".",
        "another algorithm": jwt.encode(claims, keys.jwt_secret, "HS512"),
        "two parts": "a.b",
        "no token": "abc",
        "no header": "a.b.c",
    }
    answers = {name: problem(supabase.rest("GET", "users", token=token)) for name, token in refused.items()}
    assert answers == dict.fromkeys(refused, (401, "PGRST301"))


def should_refuse_roles_that_a_caller_must_not_be(supabase: Supabase) -> None:
    assert problem(supabase.rest("GET", "users", token=supabase.token(role="nobody"))) == (401, "22023")
    assert problem(supabase.rest("GET", "users", token=supabase.token(role="postgres"))) == (403, "42501")
    assert problem(supabase.rest("GET", "users", token=supabase.token(role="supabase_admin"))) == (
        403,
        "42501",
    )
