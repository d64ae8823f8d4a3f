"""What makes workers, and the table of their effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.worker import Worker, worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from bridge.events import Event
    from tests.databases import Database as TestDatabase
    from tests.unit.worker.handling import Make


@pytest.fixture
def effects(database: TestDatabase) -> TestDatabase:
    database.execute("create table public.effect (event text not null)")
    return database


@pytest.fixture
def make() -> Iterator[Make]:
    """Decorate handlers, and close their connections in the end."""
    made: list[Worker] = []

    def make(handle: Callable[[Event, psycopg.Connection], None]) -> Worker:
        made.append(worker(handle))
        return made[-1]

    yield make
    for each in made:
        each.database.close()
