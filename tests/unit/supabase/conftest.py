"""The REST client as the service role and as a user, before a server that answers as a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge import aws as aws_clients
from bridge.supabase import Supabase
from tests.unit.aws import Secret
from tests.unit.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_KEY = "sb_secret_0123456789abcdefghijkl_01234567"
PUBLISHABLE_KEY = "sb_publishable_0123456789abcdefghijkl_01234567"
USER = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"


# Making the client that reads the keys can take longer than a request may.
@pytest.fixture(autouse=True)
def secrets_client(aws: None) -> None:  # noqa: ARG001
    aws_clients.client("secretsmanager")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def service_secret(aws: None, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Secret:  # noqa: ARG001
    secret = Secret.create_unique(
        {"url": gateway.url, "service_role_key": SECRET_KEY}, "supabase-service-role"
    )
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_SECRET_ID", secret.id)
    return secret


@pytest.fixture
def user_secret(aws: None, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Secret:  # noqa: ARG001
    secret = Secret.create_unique({"url": gateway.url, "anon_key": PUBLISHABLE_KEY}, "supabase")
    monkeypatch.setenv("SUPABASE_SECRET_ID", secret.id)
    return secret


@pytest.fixture
def service(service_secret: Secret) -> Supabase:  # noqa: ARG001
    return Supabase.service_role(timeout=8)


@pytest.fixture
def user(user_secret: Secret) -> Supabase:  # noqa: ARG001
    return Supabase.as_user(USER, timeout=8)
