"""The function as it is deployed, and a table whose rows go to a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.aws import Context
from tests.unit.redeliver.queues.orders import SCHEDULED, Redeliver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database as TestDatabase


@pytest.fixture
def orders(database: TestDatabase) -> TestDatabase:
    database.execute("create table public.orders (id bigint primary key, note text)")
    database.sync(table="public.orders", operations=["insert"])
    return database


@pytest.fixture
def redeliver() -> Iterator[Redeliver]:
    from redeliver import handler  # noqa: PLC0415  # reads Powertools' variables when it is imported

    handler.settings.cache_clear()
    handler.outbox.cache_clear()
    context: Any = Context()

    def redeliver(event: dict[str, Any] = SCHEDULED, remaining_ms: int = 60_000) -> dict[str, Any]:
        context.remaining_ms = remaining_ms
        return handler.handler(event, context)

    yield redeliver
    if handler.outbox.cache_info().currsize:
        handler.outbox().close()
