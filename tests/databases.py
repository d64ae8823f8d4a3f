"""A database of its own for each test, cloned from one in which schema bridge is installed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from standardwebhooks.webhooks import Webhook

from apply_sql.schema import apply_scripts
from apply_sql.scripts import Scripts
from bridge.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.servers import Server

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TARGET_SECRET = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SQL = Path(__file__).parents[1] / "sql"
SCRIPTS = Scripts.read(SQL, VERSION)
# The extension, or the stand-in for it.
WITHOUT_PG_NET = "drop extension if exists pg_net cascade; drop schema if exists net cascade"

Row = tuple[Any, ...]


def webhook(**declared: Any) -> dict[str, Any]:
    """A declared webhook, as stacks/ hands it to bridge.sync."""
    return {
        "name": "webhook",
        "columns": None,
        "when": None,
        "enabled": True,
        "targets": ["handle_order"],
        **declared,
    }


def declaration(webhooks: list[dict[str, Any]], targets: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """What bridge.sync takes; targets besides the queue."""
    return {
        "webhook_url": "https://api.example.com/",
        "fast_path_grace": 30,
        "retention": 7,
        "targets": [{"name": "handle_order", "kind": "queue"}, *targets],
        "webhooks": webhooks,
    }


class Database:
    """What tests say to their database. `connection` is the deploying role's, with autocommit on."""

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.url = server.url(name)
        self.admin_url = server.admin_url(name)
        self.connection = self._open(self.url)

    @staticmethod
    def _open(url: str) -> psycopg.Connection[Row]:
        return psycopg.connect(url, autocommit=True)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Row]]:
        connection = self._open(self.url)
        try:
            yield connection
        finally:
            connection.close()

    def execute(self, statement: Any, values: list[Any] | None = None) -> None:
        self.connection.execute(statement, values)

    def execute_as_admin(self, statement: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(statement.encode())

    def rows(self, query: str, values: list[Any] | None = None) -> list[list[Any]]:
        return [list(row) for row in self.connection.execute(query.encode(), values)]

    def column(self, query: str, values: list[Any] | None = None) -> list[Any]:
        return [row[0] for row in self.rows(query, values)]

    def scalar(self, query: str, values: list[Any] | None = None, *, as_text: bool = False) -> Any:
        [[value]] = self.rows(f"select t.v::text from ({query}) as t (v)" if as_text else query, values)
        return value

    def install(self) -> None:
        with self.connection.transaction():
            apply_scripts(self.connection, SCRIPTS)
            self.connection.execute("select bridge.set_signing_secret(%s)", [SECRET])

    def sync_all(
        self,
        webhooks: list[dict[str, Any]],
        owner: str = "tests",
        adopt: str | None = None,
        targets: Iterable[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        desired = json.dumps(declaration(webhooks, targets))
        result: dict[str, Any] = self.scalar("select bridge.sync(%s::jsonb, %s, %s)", [desired, owner, adopt])
        return result

    def sync(self, **declared: Any) -> dict[str, Any]:
        return self.sync_all([webhook(**declared)])

    def messages(self) -> list[dict[str, Any]]:
        """The bodies of sendable messages, oldest first, each with the message's `id`."""
        return self.column(
            "select body || jsonb_build_object('id', id) from bridge.message"
            " where state <> 'dead' order by id"
        )

    def events(self) -> list[dict[str, Any]]:
        return [event for message in self.messages() for event in message["data"]]

    def rest(self) -> None:
        """Let pg_net have had nothing to do for a second, and redelivery be asleep."""
        for sequence in ("last_post", "last_ring", "awake_until", "pg_net_late"):
            self.execute(f"select setval('bridge.{sequence}', 1)")

    def receipts(self, message: str) -> dict[str, str]:
        """Return what the receivers of a posted message would answer, by target."""
        rows = self.rows(
            "select p.signed_at, name, t.kind from bridge.posted as p, unnest(p.targets) as name"
            " left join bridge.target as t using (name) where p.message_id = %s",
            [message],
        )
        return {
            target: Webhook(TARGET_SECRET if kind == "http" else SECRET).sign(
                message,
                datetime.fromtimestamp(signed_at, UTC),
                "accepted" if kind == "http" else f"accepted {target}",
            )
            for signed_at, target, kind in rows
        }

    def states(self) -> set[str]:
        return set(self.column("select distinct state from bridge.message"))

    def clear(self) -> None:
        self.execute("truncate bridge.message, bridge.posted")
