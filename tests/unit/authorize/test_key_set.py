"""Public keys are fetched when they are needed, kept for a while, and never fetched at anybody's will."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from authorize.errors import KeysUnavailableError
from authorize.key_set import LIFETIME_SECONDS, MAX_AGE_SECONDS, MAX_BYTES
from tests.unit.authorize.issuer import PATH, SECRET, SigningKey, encoded, hmac_signed
from tests.unit.gateway import Reply

if TYPE_CHECKING:
    from tests.unit.authorize.conftest import Authorizer
    from tests.unit.authorize.issuer import Issuer

FAILURES = [
    Reply(status=500),
    Reply(status=404, body={"keys": []}),
    Reply(status=302, headers={"Location": "/elsewhere"}),
    Reply(hang_up=True),
    Reply(cut=True, body=b'{"keys": ['),
    Reply(body=b"no json"),
    Reply(body=b"\xff"),
    Reply(body=[]),
    Reply(body={"keys": {}}),
    Reply(body={}),
    Reply(body=json.dumps({"keys": [], "x": "x" * MAX_BYTES}).encode()),
    Reply(delay=2.5),
]


def should_fetch_the_keys_once(authorize: Authorizer, issuer: Issuer, ec_key: SigningKey) -> None:
    for _ in range(3):
        assert authorize.allows(issuer.token(ec_key))

    [request] = issuer.seen
    assert (request.method, request.path) == ("GET", PATH)


def should_fetch_no_keys_for_a_token_by_the_shared_secret(authorize: Authorizer, issuer: Issuer) -> None:
    assert authorize.allows(issuer.token())

    assert issuer.fetches == 0


def should_know_many_keys(authorize: Authorizer, issuer: Issuer) -> None:
    keys = [SigningKey.ec(f"key-{index}") for index in range(50)]
    issuer.published = [key.published for key in keys]

    assert all(authorize.allows(issuer.token(key)) for key in keys)
    assert issuer.fetches == 1


def should_accept_a_new_key_before_the_old_ones_are_due(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    assert authorize.allows(issuer.token(ec_key))
    new = SigningKey.ec("ec-2")
    issuer.published.append(new.published)

    authorize.clock.offset = 31
    assert authorize.allows(issuer.token(new))
    assert authorize.allows(issuer.token(ec_key))
    assert issuer.fetches == 2


def should_not_fetch_for_each_unknown_key(authorize: Authorizer, issuer: Issuer, ec_key: SigningKey) -> None:
    assert authorize.allows(issuer.token(ec_key))

    for index in range(20):
        assert authorize.refusal(issuer.token(SigningKey.ec(f"made-up-{index}"))) == "key_id"
    assert issuer.fetches == 1
    authorize.clock.offset = 31
    for index in range(20):
        assert authorize.refusal(issuer.token(SigningKey.ec(f"made-up-{index}"))) == "key_id"
    assert issuer.fetches == 2
    assert authorize.allows(issuer.token(ec_key))


def should_refuse_a_withdrawn_key_after_its_time(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    assert authorize.allows(issuer.token(ec_key))
    issuer.published = []

    authorize.clock.offset = LIFETIME_SECONDS - 5
    assert authorize.allows(issuer.token(ec_key))
    authorize.clock.offset = LIFETIME_SECONDS + 5
    assert authorize.refusal(issuer.token(ec_key)) == "key_id"


def should_refuse_a_key_that_is_replaced_under_its_id(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    assert authorize.allows(issuer.token(ec_key))
    other = SigningKey.ec(ec_key.id)
    issuer.published = [other.published]

    authorize.clock.offset = LIFETIME_SECONDS + 5
    assert authorize.refusal(issuer.token(ec_key)) == "signature"
    assert authorize.allows(issuer.token(other))


@pytest.mark.parametrize("failure", FAILURES)
def should_use_the_keys_it_has_while_they_cannot_be_fetched(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, failure: Reply
) -> None:
    assert authorize.allows(issuer.token(ec_key))
    issuer.will(failure)

    authorize.clock.offset = LIFETIME_SECONDS + 5
    assert authorize.allows(issuer.token(ec_key))

    assert issuer.fetches == 2
    assert "public keys could not be fetched" in [line["message"] for line in authorize.lines()]
    authorize.clock.offset += 31
    assert authorize.allows(issuer.token(ec_key))
    assert issuer.fetches == 3


def should_not_use_keys_for_ever(authorize: Authorizer, issuer: Issuer, ec_key: SigningKey) -> None:
    assert authorize.allows(issuer.token(ec_key))
    issuer.will(Reply(status=500))

    authorize.clock.offset = MAX_AGE_SECONDS + 5
    with pytest.raises(KeysUnavailableError, match="jwks"):
        authorize.send(f"Bearer {issuer.token(ec_key)}")

    assert "request undecided" in [line["message"] for line in authorize.lines()]


@pytest.mark.parametrize("failure", FAILURES)
def should_decide_nothing_without_keys(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, failure: Reply
) -> None:
    issuer.will(failure)
    with pytest.raises(KeysUnavailableError, match=PATH):
        authorize.send(f"Bearer {issuer.token(ec_key)}")

    assert authorize.allows(issuer.token())
    authorize.clock.offset = 31
    assert authorize.allows(issuer.token(ec_key))


def should_spare_auth_while_it_is_down(authorize: Authorizer, issuer: Issuer, ec_key: SigningKey) -> None:
    issuer.will(*[Reply(status=503)] * 10)

    for _ in range(10):
        with pytest.raises(KeysUnavailableError):
            authorize.send(f"Bearer {issuer.token(ec_key)}")
    assert issuer.fetches == 2

    authorize.clock.offset = 3
    with pytest.raises(KeysUnavailableError):
        authorize.send(f"Bearer {issuer.token(ec_key)}")
    assert issuer.fetches == 3


def should_decide_nothing_when_auth_cannot_be_reached(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    token = issuer.token(ec_key)
    issuer.stop()

    with pytest.raises(KeysUnavailableError):
        authorize.send(f"Bearer {token}")
    assert authorize.allows(issuer.token())


def should_survive_a_clock_that_is_set_back(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    assert authorize.allows(issuer.token(ec_key))

    authorize.clock.offset = -3600
    assert authorize.allows(issuer.token(ec_key))
    assert issuer.fetches == 2


def should_have_no_key_where_auth_has_none(authorize: Authorizer, issuer: Issuer, ec_key: SigningKey) -> None:
    issuer.published = []

    assert authorize.refusal(issuer.token(ec_key)) == "key_id"


def p384(key_id: str) -> dict[str, Any]:
    members = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    return {**members, "kid": key_id, "alg": "ES256"}


@pytest.mark.parametrize(
    "changed",
    [
        {"kty": "oct", "k": encoded(SECRET.encode())},
        {"kty": "OKP"},
        {"kty": None},
        {"kty": "RSA"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"kid": None},
        {"kid": 5},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x": None},
        {"x": "AA"},
        {"y": "!"},
        {"x": encoded(bytes(32)), "y": encoded(bytes(32))},
    ],
)
def should_ignore_a_key_that_it_cannot_use(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, rsa_key: SigningKey, changed: dict[str, Any]
) -> None:
    issuer.published = ["text", None, [], {}, ec_key.published | changed, rsa_key.published]

    assert authorize.refusal(issuer.token(ec_key)) in {"key_id", "malformed"}
    assert authorize.allows(issuer.token(rsa_key))


def should_ignore_keys_that_are_too_weak_or_of_another_curve(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    weak = SigningKey.rsa("weak", bits=1024)
    issuer.published = [weak.published, p384("p384"), ec_key.published]

    with pytest.warns(match="1024 bits"):
        token = issuer.token(weak)
    assert authorize.refusal(token) == "key_id"
    assert authorize.allows(issuer.token(ec_key))


def should_take_a_key_that_says_nothing_of_its_use(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    issuer.published = [{name: ec_key.published[name] for name in ("kty", "crv", "x", "y", "kid")}]

    assert authorize.allows(issuer.token(ec_key))


def should_never_verify_with_a_symmetric_key_that_is_published(authorize: Authorizer, issuer: Issuer) -> None:
    published = "a-secret-that-anybody-can-read-32-characters"
    issuer.published = [
        {"kty": "oct", "k": encoded(published.encode()), "kid": "oct", "alg": algorithm}
        for algorithm in ("HS256", "ES256")
    ]

    for algorithm in ("HS256", "ES256"):
        token = hmac_signed({"alg": algorithm, "kid": "oct"}, issuer.claims(), published.encode())
        assert authorize.refusal(token) in {"signature", "key_id"}
