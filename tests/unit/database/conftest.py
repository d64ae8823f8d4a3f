"""The database as functions have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.aws import Secret


@pytest.fixture
def db(database_secret: Secret) -> Iterator[Database]:
    made = Database(database_secret.id, tls="disable", application_name="unit")
    yield made
    made.close()
