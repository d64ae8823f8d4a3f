"""The function, and the targets outside AWS that it posts to."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.databases import webhook
from tests.unit.aws import Context

if TYPE_CHECKING:
    import pytest

    from tests.databases import Database
    from tests.unit.aws import Secret

CURRENT, PREVIOUS = "C" * 64, "P" * 64


@dataclass
class Running(Context):
    """Lambda's context of a function that is stopped at a time of time.monotonic()."""

    stopped_at: float = 0

    def get_remaining_time_in_millis(self) -> int:
        return int((self.stopped_at - time.monotonic()) * 1_000)


class Outside:
    """Declares targets to the database and to the function, and runs the function."""

    def __init__(self, orders: Database, secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
        self._orders = orders
        self._secret = secret
        self._monkeypatch = monkeypatch

    def declare(
        self, timeout: float = 2, ranges: str = '["127.0.0.0/8"]', *, ordered: bool = False, **urls: str
    ) -> None:
        targets = [
            {"name": name, "kind": "http", "url": url, "ordered": ordered} for name, url in urls.items()
        ]
        declared = webhook(table="public.orders", operations=["insert"], targets=list(urls))
        self._orders.sync_all([declared], targets=targets)
        environment = {
            "TARGETS": json.dumps(
                {
                    name: {
                        "url": url,
                        "timeout": timeout,
                        "ordered": ordered,
                        "secret_id": self._secret.id,
                    }
                    for name, url in urls.items()
                }
            ),
            "ALLOWED_TARGET_RANGES": ranges,
        }
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def insert(self, count: int = 1) -> list[str]:
        """Each its own statement and message, all due at once; returns the ids, oldest first."""
        first = self._orders.scalar("select coalesce(max(id), 0) from public.orders")
        for order in range(first + 1, first + count + 1):
            self._orders.execute("insert into public.orders values (%s)", [order])
        self.due()
        return self._orders.column("select distinct id::text from bridge.message order by 1")

    def forget(self, target: str) -> None:
        self._orders.execute("delete from bridge.message where target = %s", [target])

    def enqueue_later(self) -> None:
        """A message for the queue, written while the run is under way."""
        with self._orders.connect() as connection:
            connection.execute(
                "insert into bridge.message (id, webhook, target, body)"
                " select id, webhook, 'handle_order', body from bridge.message limit 1"
            )

    def due(self) -> None:
        self._orders.execute("update bridge.message set due_at = created_at where state = 'pending'")
        self._orders.execute("update bridge.target set held_until = '-infinity'")

    def run(self, remaining_ms: int = 60_000) -> dict[str, Any]:
        from redeliver import handler  # noqa: PLC0415  # reads Powertools' variables when it is imported

        for cached in (handler.settings, handler.outbox, handler.client):
            cached.cache_clear()
        context: Any = Running(stopped_at=time.monotonic() + remaining_ms / 1_000)
        try:
            return handler.handler({"source": "aws.events"}, context)
        finally:
            handler.outbox().close()

    def errors(self, target: str = "edge") -> list[Any]:
        query = "select state, attempts, last_error from bridge.message where target = %s order by id"
        return self._orders.rows(query, [target])

    def held(self) -> list[str]:
        return self._orders.column(
            "select name from bridge.target where held_until > clock_timestamp() order by 1"
        )
