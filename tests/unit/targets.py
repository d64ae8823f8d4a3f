"""An address outside, as a target has it: answers what a test sets, and remembers what it was sent."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from standardwebhooks.webhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Answer:
    """What comes back: a status, headers, a body; after a pause, or a byte of each at a time."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    pause: float = 0
    trickle: float = 0
    trickle_body: float = 0


@dataclass
class Received:
    """One request, and the connection that it came over."""

    path: str
    headers: dict[str, str]
    body: bytes
    peer: int

    def verified(self, secret: str) -> bool:
        Webhook(secret).verify(self.body, self.headers)
        return True

    def receipt(self, secret: str) -> bytes:
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        return Webhook(secret).sign(self.headers["webhook-id"], at, "accepted").encode()


class Target(ThreadingHTTPServer):
    """Listens until it is closed. `answer` is given each request, and what came before it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _: Answer()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{{webhook}}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Target
    protocol_version = "HTTP/1.1"
    # Else head and body of an answer wait for each other's acknowledgement.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = Received(self.path, dict(self.headers), body, self.client_address[1])
        self.server.received.append(request)
        answer = self.server.answer(request)
        time.sleep(answer.pause)
        with suppress(OSError):
            self._send(answer)

    def do_GET(self) -> None:
        """Where a redirect would lead."""
        self.server.received.append(Received(self.path, {}, b"", 0))
        self._send(Answer(200))

    def _send(self, answer: Answer) -> None:
        if answer.trickle:
            self._trickle(f"HTTP/1.1 {answer.status} {'x' * 1000}\r\n\r\n".encode(), answer.trickle)
        self.send_response(answer.status)
        for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.trickle_body:
            self._trickle(answer.body, answer.trickle_body)
        else:
            self.wfile.write(answer.body)

    def _trickle(self, data: bytes, pause: float) -> None:
        for byte in data:
            time.sleep(pause)
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        pass
