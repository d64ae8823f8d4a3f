"""Whose request it is on Vercel: tokens of Supabase's Auth, and nothing that only looks like one."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization

from examples.shop.tests.edge.vercel_shop import Served
from tests.unit.authorize.issuer import ABSENT, SECRET, Issuer, SigningKey, hmac_signed
from tests.unit.gateway import Reply
from vercel_app import key_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCEPTED = 400  # and then there is no body
OTHER_SECRET = "another-secret-of-at-least-thirty-two-characters"
KEY = SigningKey.ec("key-1")
OTHER = SigningKey.ec("key-2")
RSA = SigningKey.rsa("key-3")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer(KEY) as issuer:
        yield issuer


@pytest.fixture
def environment(issuer: Issuer) -> dict[str, str]:
    return {"SUPABASE_URL": issuer.url, "SUPABASE_JWT_SECRET": SECRET}


@pytest.fixture
def served(environment: dict[str, str]) -> Iterator[Served]:
    with Served(environment) as served:
        yield served


def status(served: Served, token: str, scheme: str = "Bearer") -> int:
    return served.client.post(
        "/api/process-payment", headers={"authorization": f"{scheme} {token}"}
    ).status_code


def pem(key: SigningKey) -> bytes:
    return key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def should_accept_tokens_of_the_shared_secret_and_of_the_signing_key(served: Served, issuer: Issuer) -> None:
    assert status(served, issuer.token()) == ACCEPTED
    assert status(served, issuer.token(KEY)) == ACCEPTED
    assert status(served, issuer.token(KEY), scheme="bearer ") == ACCEPTED
    assert status(served, issuer.token(iss=issuer.url)) == ACCEPTED
    assert status(served, issuer.token(exp=int(time.time()) - 10)) == ACCEPTED
    assert issuer.fetches == 1


def should_ask_for_a_token(served: Served) -> None:
    answer = served.client.post("/api/process-payment")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


REFUSED: dict[str, Callable[[Issuer], str]] = {
    "no token": lambda _: "x",
    "two parts": lambda issuer: issuer.token().rpartition(".")[0],
    "cut signature": lambda issuer: issuer.token()[:-3],
    "another secret": lambda issuer: issuer.token(OTHER_SECRET),
    "another key": lambda issuer: issuer.token(OTHER),
    "another key of the same id": lambda issuer: issuer.token(SigningKey.ec("key-1")),
    "another algorithm": lambda issuer: issuer.token(RSA),
    "without algorithm": lambda issuer: jwt.encode(issuer.claims(), "", "none"),
    "public key as secret": lambda issuer: hmac_signed({"alg": "HS256"}, issuer.claims(), pem(KEY)),
    "its own key": lambda issuer: hmac_signed(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": base64.b64encode(b"k").decode()}},
        issuer.claims(),
        SECRET.encode(),
    ),
    "critical header": lambda issuer: hmac_signed(
        {"alg": "HS256", "crit": ["x"], "x": 1}, issuer.claims(), SECRET.encode()
    ),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 60),
    "not yet": lambda issuer: issuer.token(nbf=int(time.time()) + 60),
    "for ever": lambda issuer: issuer.token(exp=ABSENT),
    "for somebody else": lambda issuer: issuer.token(aud="anon"),
    "for nobody": lambda issuer: issuer.token(aud=ABSENT),
    "of another Supabase": lambda issuer: issuer.token(iss="https://example.com/auth/v1"),
    "of nobody": lambda issuer: issuer.token(iss=ABSENT),
    "without subject": lambda issuer: issuer.token(sub=ABSENT),
    "empty subject": lambda issuer: issuer.token(sub=""),
    "without role": lambda issuer: issuer.token(role=ABSENT),
    "role anon": lambda issuer: issuer.token(role="anon"),
    "anon key": lambda issuer: issuer.api_key("anon"),
    "service role key": lambda issuer: issuer.api_key("service_role"),
    "too large": lambda issuer: issuer.token(x="x" * 16_384),
}


@pytest.fixture(scope="module")
def attacked() -> Iterator[tuple[Served, Issuer]]:
    with Issuer(KEY) as issuer, Served({"SUPABASE_URL": issuer.url, "SUPABASE_JWT_SECRET": SECRET}) as served:
        yield served, issuer


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def should_refuse(attacked: tuple[Served, Issuer], what: str) -> None:
    served, issuer = attacked

    answer = served.client.post(
        "/api/process-payment", headers={"authorization": f"Bearer {REFUSED[what](issuer)}"}
    )

    assert (answer.status_code, answer.json()) == (401, {"error": "the token is not accepted"})
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def should_refuse_another_scheme(served: Served, issuer: Issuer) -> None:
    assert status(served, issuer.token(), scheme="Basic") == 401


def should_accept_signing_keys_alone_without_a_shared_secret(
    served: Served, issuer: Issuer, environment: dict[str, str]
) -> None:
    del environment["SUPABASE_JWT_SECRET"]
    assert status(served, issuer.token(KEY)) == ACCEPTED
    assert status(served, issuer.token()) == 401


@pytest.mark.parametrize("secret", ["short", pem(KEY).decode()], ids=["short", "a public key"])
def should_name_a_secret_that_is_none(
    served: Served, issuer: Issuer, environment: dict[str, str], secret: str
) -> None:
    environment["SUPABASE_JWT_SECRET"] = secret
    answer = served.client.post("/api/process-payment", headers={"authorization": f"Bearer {issuer.token()}"})
    assert (answer.status_code, "SUPABASE_JWT_SECRET" in answer.json()["error"]) == (503, True)
    assert secret not in answer.text


@pytest.mark.parametrize(
    "reply",
    [Reply(500), Reply(200, b"<html>"), Reply(200, {}), Reply(200, [])],
)
def should_ask_to_come_again_when_the_keys_cannot_be_fetched(
    served: Served, issuer: Issuer, reply: Reply
) -> None:
    issuer.will(reply)
    answer = served.client.post(
        "/api/process-payment", headers={"authorization": f"Bearer {issuer.token(KEY)}"}
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def should_fetch_the_keys_over_a_connection_that_turns_out_lost(served: Served, issuer: Issuer) -> None:
    issuer.will(Reply(hang_up=True))
    assert status(served, issuer.token(KEY)) == ACCEPTED
    assert issuer.fetches == 2


def should_accept_known_keys_during_an_outage_and_withdrawn_ones_no_longer(
    served: Served, issuer: Issuer
) -> None:
    def later(seconds: float, *replies: Reply) -> int:
        issuer.will(*replies)
        with time_machine.travel(time.time() + seconds):
            return status(served, issuer.token(KEY))

    assert later(0) == ACCEPTED
    assert later(key_set.LIFETIME_SECONDS + 1, Reply(500)) == ACCEPTED
    assert later(key_set.MAX_AGE_SECONDS + 1, Reply(500)) == 503
    issuer.published = [OTHER.published]
    assert later(2 * key_set.MAX_AGE_SECONDS) == 401


def should_not_fetch_for_each_forged_key_id(served: Served, issuer: Issuer) -> None:
    assert status(served, issuer.token(KEY)) == ACCEPTED
    for name in "abc":
        assert status(served, issuer.token(SigningKey.ec(name))) == 401
    assert issuer.fetches == 1


def should_skip_keys_that_are_not_for_verifying_tokens(served: Served, issuer: Issuer) -> None:
    broken: list[Any] = [
        None,
        {"kty": "EC"},
        {**OTHER.published, "x": "!"},
        {"kty": "oct", "kid": "k", "k": "a"},
    ]
    issuer.published = [*broken, {**OTHER.published, "use": "enc"}, RSA.published, KEY.published]
    assert status(served, issuer.token(KEY)) == ACCEPTED
    assert status(served, issuer.token(OTHER)) == 401
