"""Why there is no connection: the error says what to do, and names no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bridge.database import Database
from bridge.errors import DatabaseUnavailableError, SecretError, UnfilledSecretError
from tests.unit.database.sessions import backend

if TYPE_CHECKING:
    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret


def should_name_host_and_reason_but_not_the_password(
    db: Database, database: TestDatabase, database_secret: Secret
) -> None:
    address = urlsplit(database.url)
    database_secret.put(
        {"database_url": f"postgresql://postgres:hunter2@{address.hostname}:{address.port}/postgres"}
    )

    with pytest.raises(DatabaseUnavailableError) as raised:
        backend(db)

    assert f"cannot connect to Postgres at 127.0.0.1:{address.port}" in str(raised.value)
    assert "password authentication failed" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "postgresql:/u:hunter2@h/d",
        "postgresql://u:hunter2%zz@h/d",
        "postgresql://u:hunter2@h:1/d?x=y",
    ],
)
def should_not_quote_a_url_that_is_none(db: Database, database_secret: Secret, url: str) -> None:
    database_secret.put({"database_url": url})

    with pytest.raises(
        SecretError, match="is not of the form postgresql://user:password@host:port/d"
    ) as raised:
        backend(db)

    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def should_name_the_member_that_is_not_filled(database_secret: Secret) -> None:
    direct = Database(database_secret.id, tls="disable", application_name="unit", url_field="direct_url")

    with pytest.raises(UnfilledSecretError, match='"direct_url" of secret'):
        backend(direct)


def should_say_what_to_do_when_the_server_has_no_tls(database_secret: Secret) -> None:
    strict = Database(database_secret.id, tls="verify-full", application_name="unit")

    with pytest.raises(DatabaseUnavailableError, match='set database_tls = "disable"'):
        backend(strict)
