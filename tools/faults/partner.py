"""A partner outside AWS: it verifies messages as Standard Webhooks has it, and handles each event once."""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import psycopg
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tools.local.part import Part
from tools.local.ports import HOST

NAME = "partner"
REMEMBER = "insert into bridge.processed_event (worker, event_id) values (%s, %s) on conflict do nothing"
EFFECT = "insert into faults.effect (order_id, by) values (%s, %s)"


class Partner(Part):
    """A target on a port of its own, in threads of this process.

    Args:
        database_url: where it keeps what it has handled.

    Attributes:
        secret: that its messages are signed with; known once the deployment has made it.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._server: ThreadingHTTPServer | None = None
        self.secret = ""

    @property
    def url(self) -> str:
        """Its address, without trailing slash."""
        if self._server is None:
            raise RuntimeError("the partner doesn't run")
        return f"http://{HOST}:{self._server.server_port}"

    def start(self) -> Self:
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _accept(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        webhook = Webhook(self.secret)
        try:
            webhook.verify(body.decode(), dict(headers))
        except WebhookVerificationError:
            return 401, {}
        with psycopg.connect(self._url) as connection:
            for event in json.loads(body)["data"]:
                if connection.execute(REMEMBER, [NAME, event["id"]]).rowcount:
                    connection.execute(EFFECT, [event["record"]["id"], NAME])
        sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        return 200, {"receipt": webhook.sign(headers["webhook-id"], sent_at, "accepted")}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        accept = self._accept

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answered = accept(body, headers)
                answer = json.dumps(answered).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing: the terminal is the suite's."""

        return Handler
