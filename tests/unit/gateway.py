"""A small HTTP server that answers as a test says: with real sockets, also with broken ones."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Seen:
    """A request that the server got."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """What the server does with one request."""

    status: int = 200
    body: Any = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    hang_up: bool = False
    cut: bool = False
    seconds_a_byte: float = 0

    def text(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Gateway:
    """Answers with the given replies in turn, then with empty lists."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._replies: deque[Reply] = deque()
        handler = type("Handler", (_Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def will(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    def reply(self) -> Reply:
        return self._replies.popleft() if self._replies else Reply()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else head and body of an answer wait for each other's acknowledgement.
    disable_nagle_algorithm = True
    gateway: ClassVar[Gateway]

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qsl(address.query, keep_blank_values=True)
        self.gateway.seen.append(
            Seen(self.command, address.path, query, headers, json.loads(body) if body else None)
        )
        reply = self.gateway.reply()
        time.sleep(reply.delay)
        if reply.hang_up:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        text = reply.text()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text) + (100 if reply.cut else 0)))
        self.end_headers()
        if reply.seconds_a_byte:
            self._drip(text, reply.seconds_a_byte)
        else:
            self.wfile.write(text)
        if reply.cut:
            self.close_connection = True

    def _drip(self, text: bytes, seconds: float) -> None:
        # The client hangs up, as it should.
        with contextlib.suppress(ConnectionError):
            for byte in text:
                self.wfile.write(bytes([byte]))
                time.sleep(seconds)

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815  # the server's own naming
