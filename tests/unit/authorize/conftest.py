"""The authorizer as it is deployed: its secret in the emulator, Auth behind a real server."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from authorize import key_set, pace
from bridge import aws as aws_clients
from bridge import secrets
from tests.unit.authorize.issuer import SECRET, Issuer, SigningKey
from tests.unit.aws import Secret
from tools.local.aws import client_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTE = "GET /orders"


@dataclass
class Clock:
    """The authorizer's wall clock, which can be put forward and back."""

    offset: float = 0

    def time(self) -> float:
        return time.time() + self.offset


@dataclass
class Authorizer:
    """The function, called as API Gateway calls it."""

    secret: Secret
    clock: Clock
    handler: Any
    lines: Any

    def send(self, authorization: str, *, route: str = ROUTE) -> dict[str, Any]:
        event = {
            "version": "2.0",
            "type": "REQUEST",
            "identitySource": [authorization, route],
            "routeKey": route,
            "headers": {"authorization": authorization},
            "requestContext": {"requestId": "request-1"},
        }
        answer: dict[str, Any] = self.handler(event, None)
        return answer

    def context(self, token: str, *, route: str = ROUTE) -> dict[str, str]:
        """What is handed to the function behind the route; the token must be accepted."""
        answer = self.send(f"Bearer {token}", route=route)
        assert answer["isAuthorized"]
        context: dict[str, str] = answer["context"]
        return context

    def allows(self, token: str, *, route: str = ROUTE) -> bool:
        return self.send(f"Bearer {token}", route=route)["isAuthorized"] is True

    def refusal(self, token: str, *, route: str = ROUTE) -> str:
        """Why a token is refused, as the log says; it must be, and the log must not show it."""
        self.lines()
        assert self.send(f"Bearer {token}", route=route) == {"isAuthorized": False}
        [line] = [line for line in self.lines() if line["message"] == "request denied"]
        assert len(token) < 20 or token not in json.dumps(line)
        return str(line["reason"])


@pytest.fixture(scope="session")
def ec_key() -> SigningKey:
    return SigningKey.ec("ec-1")


@pytest.fixture(scope="session")
def rsa_key() -> SigningKey:
    return SigningKey.rsa("rsa-1")


@pytest.fixture(scope="session")
def keys(ec_key: SigningKey, rsa_key: SigningKey) -> dict[str, SigningKey | str]:
    """What signs, by algorithm."""
    return {"HS256": SECRET, "ES256": ec_key, "RS256": rsa_key}


@pytest.fixture
def issuer(ec_key: SigningKey, rsa_key: SigningKey) -> Iterator[Issuer]:
    with Issuer(ec_key, rsa_key) as issuer:
        yield issuer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (key_set, pace):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock.time))
    return clock


@pytest.fixture(scope="module")
def secret(aws_endpoint: str) -> Iterator[Secret]:
    """One entry, and one client of Secrets Manager, for all tests of a file: making them takes long."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment(aws_endpoint).items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        aws_clients.forget()
        yield Secret.create_unique({}, "supabase-jwt")
        aws_clients.forget()


@pytest.fixture
def authorize(
    secret: Secret,
    issuer: Issuer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Authorizer]:
    from authorize import handler  # noqa: PLC0415  # it makes its clients when it is imported

    secret.put({"url": issuer.url, "jwt_secret": SECRET})
    for name, value in {
        "SUPABASE_JWT_SECRET_ID": secret.id,
        "TOKEN_AUDIENCE": "authenticated",
        "TOKEN_ISSUERS": "[]",
        "JWKS_URL": "",
        "ROUTES": json.dumps({ROUTE: ["authenticated"], "POST /users": ["service_role", "anon"]}),
        "POWERTOOLS_SERVICE_NAME": "authorize",
        "POWERTOOLS_METRICS_NAMESPACE": "ExternalCompute/test",
    }.items():
        monkeypatch.setenv(name, value)

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    forget()
    yield Authorizer(secret, clock, handler.handler, lines)
    forget()


def forget() -> None:
    """Let the function begin anew, with the environment of now."""
    secrets.forget()
    sys.modules["authorize.handler"].settings.cache_clear()
    sys.modules["authorize.handler"].verifier.cache_clear()
