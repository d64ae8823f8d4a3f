"""What isn't signed by one of the keys that are known, with that key's own algorithm, is refused."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.authorize.issuer import (
    SECRET,
    SigningKey,
    decoded,
    encoded,
    hmac_signed,
    part,
)

if TYPE_CHECKING:
    from tests.unit.authorize.conftest import Authorizer
    from tests.unit.authorize.issuer import Issuer

    Keys = dict[str, SigningKey | str]

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FUNCTION_SCOPED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
    deadline=None,
)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 5, ["HS256"], {"a": 1}, "HS256 "])
def should_refuse_no_algorithm(authorize: Authorizer, issuer: Issuer, alg: object) -> None:
    token = hmac_signed({"alg": alg, "typ": "JWT"}, issuer.claims(), SECRET.encode())

    assert authorize.refusal(token) == "algorithm"
    assert authorize.refusal(token.rpartition(".")[0] + ".") == "malformed"


def should_refuse_a_header_without_an_algorithm(authorize: Authorizer, issuer: Issuer) -> None:
    assert authorize.refusal(hmac_signed({}, issuer.claims(), SECRET.encode())) == "algorithm"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def should_refuse_another_algorithm_of_the_shared_secret(
    authorize: Authorizer, issuer: Issuer, algorithm: str
) -> None:
    secret = SECRET * 2
    authorize.secret.put({"url": issuer.url, "jwt_secret": secret})

    assert authorize.refusal(jwt.encode(issuer.claims(), secret, algorithm)) == "algorithm"


def should_refuse_another_algorithm_of_the_rsa_key(
    authorize: Authorizer, issuer: Issuer, rsa_key: SigningKey
) -> None:
    for algorithm in ("RS384", "RS512", "PS256"):
        token = jwt.encode(issuer.claims(), rsa_key.private, algorithm, headers={"kid": rsa_key.id})
        assert authorize.refusal(token) == "algorithm"


def public_texts(key: SigningKey) -> list[bytes]:
    public = key.private.public_key()
    formats = serialization.PublicFormat
    return [
        public.public_bytes(serialization.Encoding.PEM, formats.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.PEM, formats.SubjectPublicKeyInfo).strip(),
        public.public_bytes(serialization.Encoding.DER, formats.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.OpenSSH, formats.OpenSSH),
        json.dumps(key.published).encode(),
        json.dumps(key.published, separators=(",", ":")).encode(),
        decoded(key.published.get("x") or key.published["n"]),
        b"",
    ]


@pytest.mark.parametrize("text", range(8))
def should_refuse_hs256_by_a_public_key(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, rsa_key: SigningKey, text: int
) -> None:
    for key in (ec_key, rsa_key):
        for header in ({"kid": key.id}, {}):
            token = hmac_signed({"alg": "HS256", **header}, issuer.claims(), public_texts(key)[text])
            assert authorize.refusal(token) == "signature"


def should_refuse_hs256_where_supabase_has_signing_keys_only(authorize: Authorizer, issuer: Issuer) -> None:
    authorize.secret.put({"url": issuer.url, "jwt_secret": ""})

    for secret in (b"", SECRET.encode()):
        assert authorize.refusal(hmac_signed({"alg": "HS256"}, issuer.claims(), secret)) == "signature"


def should_refuse_the_algorithm_of_another_key(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, rsa_key: SigningKey
) -> None:
    token = jwt.encode(issuer.claims(), ec_key.private, "ES256", headers={"kid": rsa_key.id})
    assert authorize.refusal(token) == "key_id"

    token = jwt.encode(issuer.claims(), rsa_key.private, "RS256", headers={"kid": ec_key.id})
    assert authorize.refusal(token) == "key_id"


def should_refuse_another_key_of_the_same_id(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, rsa_key: SigningKey
) -> None:
    assert authorize.refusal(issuer.token(SigningKey.ec(ec_key.id))) == "signature"
    assert authorize.refusal(issuer.token(SigningKey.rsa(rsa_key.id))) == "signature"


@pytest.mark.parametrize("headers", [{}, {"kid": ""}, {"kid": "EC-1"}, {"kid": "../ec-1"}])
def should_refuse_a_key_id_that_is_not_published(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, headers: dict[str, Any]
) -> None:
    token = jwt.encode(issuer.claims(), ec_key.private, "ES256", headers=headers)

    assert authorize.refusal(token) == "key_id"


@pytest.mark.parametrize("key_id", [5, None, ["ec-1"], {"a": 1}])
def should_refuse_a_key_id_that_is_no_text(authorize: Authorizer, issuer: Issuer, key_id: object) -> None:
    token = hmac_signed({"alg": "ES256", "kid": key_id}, issuer.claims(), SECRET.encode())

    assert authorize.refusal(token) == "malformed"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def should_refuse_a_token_that_brings_its_own_key(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, name: str
) -> None:
    mine = SigningKey.ec("mine")
    brought: Any = {"jwk": mine.published, "x5c": ["MIIB"]}.get(name, "https://attacker.example/keys")

    for key_id in (mine.id, ec_key.id):
        headers = {"kid": key_id, name: brought}
        for key in (mine, ec_key):
            token = jwt.encode(issuer.claims(), key.private, "ES256", headers=headers)
            assert authorize.refusal(token) == "header"
        token = hmac_signed({"alg": "HS256", **headers}, issuer.claims(), SECRET.encode())
        assert authorize.refusal(token) == "header"


@pytest.mark.parametrize(
    "header",
    [
        *({"crit": crit, "b64": True, "exp": 1} for crit in (["b64"], ["exp"], [], None, "exp")),
        # A payload that isn't encoded (https://www.rfc-editor.org/rfc/rfc7797).
        {"crit": ["b64"], "b64": False},
    ],
)
def should_refuse_critical_headers(authorize: Authorizer, issuer: Issuer, header: dict[str, Any]) -> None:
    token = hmac_signed({"alg": "HS256", **header}, issuer.claims(), SECRET.encode())
    assert authorize.refusal(token) in {"header", "malformed"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "sb_secret_abcdefghijklmnopqrstuv_12345678",
        "sb_publishable_abcdefghijklmnopqrstuv_12345678",
        "sb_secret_.abc.def",
        "é.é.é",
        "e30.e30.e30",
        f"{part([])}.{part({})}.{encoded(b'x')}",
        f"{encoded(b'[' * 9000)}.{part({})}.{encoded(b'x')}",
        f"{encoded(bytes([0xFF]))}.{part({})}.{encoded(b'x')}",
        "a.b.c\n",
    ],
)
def should_refuse_what_is_no_token(authorize: Authorizer, token: str) -> None:
    assert authorize.refusal(token) in {"malformed", "algorithm"}


def should_refuse_two_tokens_in_one_header(authorize: Authorizer, issuer: Issuer) -> None:
    assert authorize.refusal(f"{issuer.token()},Bearer {issuer.token()}") == "malformed"
    assert authorize.refusal(f"{issuer.token()} {issuer.token()}") == "malformed"


@pytest.mark.parametrize("payload", [b"[]", b"null", b"1", b"{", b"\xff", b"[" * 9000])
def should_refuse_claims_that_are_no_object(authorize: Authorizer, payload: bytes) -> None:
    signed = f"{part({'alg': 'HS256'})}.{encoded(payload)}"
    signature = hmac_signed({}, {}, b"").rpartition(".")[2]
    token = jwt.api_jws.encode(payload, SECRET, "HS256")

    assert authorize.refusal(token) == "malformed"
    assert authorize.refusal(f"{signed}.{signature}") in {"malformed", "signature"}


def should_refuse_a_token_that_is_too_large_before_reading_it(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    large = issuer.token(ec_key, note="x" * 13_000)

    started = time.perf_counter()
    assert authorize.refusal(large) == "size"
    assert authorize.refusal("a" * 6_000_000) == "size"
    assert time.perf_counter() - started < 5
    assert issuer.fetches == 0


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "RS256"])
@given(data=st.data())
@FUNCTION_SCOPED
def should_refuse_a_token_with_any_character_changed(
    authorize: Authorizer,
    issuer: Issuer,
    keys: Keys,
    algorithm: str,
    data: st.DataObject,
) -> None:
    token = issuer.token(keys[algorithm])
    index = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET + ".=+/ ,\x00é").filter(lambda each: each != token[index]))

    assert not authorize.allows(token[:index] + other + token[index + 1 :])


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "RS256"])
@given(data=st.data())
@FUNCTION_SCOPED
def should_refuse_a_token_with_a_character_more_or_less(
    authorize: Authorizer,
    issuer: Issuer,
    keys: Keys,
    algorithm: str,
    data: st.DataObject,
) -> None:
    token = issuer.token(keys[algorithm])
    # Space around a token is no part of it.
    index = data.draw(st.integers(1, len(token) - 1))
    more = data.draw(st.sampled_from(ALPHABET + ".=+/ ,\x00é"))

    assert not authorize.allows(token[:index] + more + token[index:])
    assert not authorize.allows(token[:index] + token[index + 1 :])


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "zip", "enc", "x"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.sampled_from(["HS256", "ES256", "RS256", "none", "ec-1", "rsa-1"])
        | st.lists(st.text(max_size=3), max_size=2),
    ),
    signature=st.binary(min_size=1, max_size=80),
)
@FUNCTION_SCOPED
def should_refuse_any_header_without_a_signature(
    authorize: Authorizer, issuer: Issuer, header: dict[str, Any], signature: bytes
) -> None:
    assert not authorize.allows(f"{part(header)}.{part(issuer.claims())}.{encoded(signature)}")


@given(st.binary(max_size=200) | st.text(max_size=200))
@FUNCTION_SCOPED
def should_refuse_any_noise(authorize: Authorizer, noise: bytes | str) -> None:
    text = noise if isinstance(noise, str) else noise.decode("latin-1")

    assert authorize.send(text) == {"isAuthorized": False}
    assert not authorize.allows(text)
