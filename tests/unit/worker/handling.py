"""A handler that leaves an effect, the events that it is given, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg

from bridge.events import Event
from bridge.worker import Worker
from tests.unit.aws import Context
from tests.unit.messages import MESSAGE_ID, queued, records

if TYPE_CHECKING:
    import pytest

    from tests.databases import Database as TestDatabase

Make = Callable[[Callable[[Event, psycopg.Connection], None]], Worker]


def leave_effect(event: Event, db: psycopg.Connection) -> None:
    db.execute("insert into public.effect values (%s)", (event.id,))
    if event.row.get("poison"):
        raise ValueError(event.row["poison"])


def numbered(count: int) -> list[dict[str, Any]]:
    return [queued({"id": index}, id=f"{MESSAGE_ID}:{index}") for index in range(count)]


def run(handler: Worker, *events: dict[str, Any] | str, remaining_ms: int = 60_000) -> list[str]:
    """Invoke as Lambda does; return the records that failed."""
    context: Any = Context(remaining_ms)
    answer = handler(records(*events), context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def seen(effects: TestDatabase) -> list[str]:
    return [str(value) for value in effects.column("select event from public.effect order by event")]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
