"""A table whose rows go to a queue and to a target outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.database.targets.outbox import TARGETS, declare
from tests.databases import TARGET_SECRET

if TYPE_CHECKING:
    from tests.databases import Database


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    database.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    declare(database, *TARGETS)
    return database
