"""Secrets are read once in a while, and errors name the entry and the remedy, never the value."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine

from bridge import aws as aws_clients
from bridge import secrets
from bridge.errors import SecretError, UnfilledSecretError
from tests.unit.aws import Secret

FIELDS = {"database_url": "postgresql://postgres:hunter2@localhost/postgres"}


@pytest.fixture
def secret(aws: None) -> Secret:  # noqa: ARG001
    return Secret.create(f"external-compute/dev/database-{uuid4()}", FIELDS)


def should_read_an_entry(secret: Secret) -> None:
    assert secrets.get(secret.id) == FIELDS


def should_keep_a_copy_in_memory(secret: Secret) -> None:
    secrets.get(secret.id)
    secret.put({"database_url": "new"})

    assert secrets.get(secret.id) == FIELDS


def should_read_again_on_demand(secret: Secret) -> None:
    secrets.get(secret.id)
    secret.put({"database_url": "new"})

    assert secrets.refresh(secret.id) == {"database_url": "new"}
    assert secrets.get(secret.id) == {"database_url": "new"}


def should_keep_the_same_copy_of_the_same_version(secret: Secret) -> None:
    first = secrets.get(secret.id)

    assert secrets.refresh(secret.id) is first
    secret.put(FIELDS)
    assert secrets.refresh(secret.id) == first
    assert secrets.refresh(secret.id) is not first


def should_read_again_once_the_copy_is_too_old(secret: Secret) -> None:
    secrets.get(secret.id)
    secret.put({"database_url": "new"})

    assert secrets.get(secret.id, max_age=3600) == FIELDS
    assert secrets.get(secret.id, max_age=0) == {"database_url": "new"}


def should_know_of_a_change_within_five_minutes(secret: Secret) -> None:
    with time_machine.travel(datetime(2026, 11, 23, tzinfo=UTC), tick=False) as clock:
        secrets.get(secret.id)
        secret.put({"database_url": "new"})

        clock.shift(299)
        assert secrets.get(secret.id) == FIELDS
        clock.shift(1)
        assert secrets.get(secret.id) == {"database_url": "new"}


def should_use_the_copy_while_the_entry_cannot_be_read(
    secret: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    secrets.get(secret.id)
    secret.put_text("broken")

    assert secrets.refresh(secret.id) == FIELDS
    assert "the copy in memory is used" in caplog.text


@pytest.mark.usefixtures("aws")
def should_say_how_to_fill_an_entry_that_is_empty() -> None:
    empty = Secret.create(f"external-compute/dev/database-{uuid4()}")

    with pytest.raises(UnfilledSecretError) as raised:
        secrets.get(empty.id)

    assert f'"{empty.id}"' in str(raised.value)
    assert 'fill it with "make secrets STAGE=dev ENV_FILE=<your .env>"' in str(raised.value)


@pytest.mark.parametrize("value", [{}, {"direct_url": ""}])
def should_name_the_member_that_is_missing_or_empty(secret: Secret, value: dict[str, str]) -> None:
    secret.put(value)

    with pytest.raises(UnfilledSecretError, match='"direct_url" of secret "external-compute/dev/database-'):
        secrets.field(secret.id, "direct_url")


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]', '{"password": 2}'])
def should_not_show_a_value_that_it_cannot_use(secret: Secret, text: str) -> None:
    secret.put_text(text)

    with pytest.raises(SecretError, match="is not a JSON object of strings") as raised:
        secrets.get(secret.id)

    assert "hunter2" not in str(raised.value)


@pytest.mark.usefixtures("aws")
def should_name_the_entry_when_secrets_manager_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    aws_clients.forget()

    with pytest.raises(SecretError, match='"some/secret" cannot be read: EndpointConnectionError'):
        secrets.get("some/secret")
