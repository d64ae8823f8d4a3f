"""A deployment's requests, the API that its ping reaches, and the triggers that it leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

from standardwebhooks.webhooks import Webhook

from apply_sql.deployment import Deployment
from apply_sql.request import Request
from tests.databases import SCRIPTS, SECRET, TARGET_SECRET, Database, declaration, webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apply_sql.scripts import Scripts

ORDERS = webhook(name="order.created", table="public.orders", operations=["insert"])
USERS = webhook(name="user.gone", table="public.users", operations=["delete"])


class Api(HTTPServer):
    """Answers the ping as the receiver would, or with a status that a test sets."""

    status = 202
    secret = SECRET
    body = b'{"error": "no such stack"}'
    gives_receipts = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def receipt(self, headers: Mapping[str, str]) -> bytes:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        receipt = Webhook(self.secret).sign(headers["webhook-id"], at, "accepted")
        return receipt.encode() if self.gives_receipts else b""


class Receiver(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Webhook(self.server.secret).verify(body, dict(self.headers))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body + self.server.receipt(dict(self.headers)))

    def log_message(self, *_: object) -> None:
        pass


class Deployer:
    def __init__(self, database: Database, url: str, scripts: Scripts = SCRIPTS) -> None:
        self._url = url
        self.warnings: list[str] = []
        self.deployment = Deployment(
            connect=lambda: database.connection,
            scripts=scripts,
            signing_secret=lambda target: SECRET if target is None else TARGET_SECRET,
            warn=self.warnings.append,
            ping_seconds=4.0,
        )

    def request(
        self,
        kind: Any,
        webhooks: list[dict[str, Any]],
        *,
        targets: dict[str, str] | None = None,
        **options: Any,
    ) -> Request:
        addresses = [{"name": name, "kind": "http", "url": url} for name, url in (targets or {}).items()]
        return Request(
            kind=kind,
            declaration={**declaration(webhooks, addresses), "webhook_url": self._url},
            **{"owner": "tests", "adopt": None, "ping_required": True, **options},
        )

    def apply(self, *webhooks: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self.deployment.apply(self.request("Update", list(webhooks), **options))

    def remove(self, **options: Any) -> dict[str, Any]:
        return self.deployment.remove(self.request("Delete", [], **options))


def triggers(database: Database) -> list[str]:
    return database.column(
        "select tgname::text from pg_trigger"
        " where not tgisinternal and tgrelid <> 'storage.objects'::regclass order by 1"
    )
