"""Stands between the function and Stripe, and lets happen what a test says at a step's very place."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

CREATE = r"POST /v1/payment_intents$"
RETRIEVE = r"GET /v1/payment_intents/\w+$"
CONFIRM = r"POST /v1/payment_intents/\w+/confirm$"
CANCEL = r"POST /v1/payment_intents/\w+/cancel$"
_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


@dataclass(frozen=True)
class Reply:
    """What Stripe answered, or what the proxy answers in its place."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


# An own failure that Stripe keeps under the idempotency key.
KEPT_FAILURE = Reply(500, b'{"error": {"type": "api_error"}}', {"Idempotent-Replayed": "true"})

Forward = Callable[[], Reply]
# None hangs up.
Action = Callable[[Forward], Reply | None]


def before(what: Callable[[], object]) -> Action:
    """Let something happen when the request is under way."""

    def act(forward: Forward) -> Reply:
        what()
        return forward()

    return act


def after(what: Callable[[], object]) -> Action:
    """Let something happen when Stripe has done it, and the function doesn't know yet."""

    def act(forward: Forward) -> Reply:
        reply = forward()
        what()
        return reply

    return act


def lose_request(_: Forward) -> None:
    """Hang up before Stripe has seen the request."""


def lose_answer(forward: Forward) -> None:
    """Hang up when Stripe has done it."""
    forward()


def answering(reply: Reply) -> Action:
    """Answer in Stripe's place, which sees nothing."""
    return lambda _: reply


@dataclass
class _Rule:
    pattern: re.Pattern[str]
    action: Action
    times: int


class Proxy:
    """Forwards to Stripe, but for what `on` says."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def on(self, pattern: str, action: Action, *, times: int = 1) -> None:
        """Let the action decide about the next requests that match, so many times."""
        self._rules.append(_Rule(re.compile(pattern), action, times))

    def action(self, line: str, headers: dict[str, str]) -> Action | None:
        with self._lock:
            self.seen.append((line, headers))
            for rule in self._rules:
                if rule.times and rule.pattern.match(line):
                    rule.times -= 1
                    return rule.action
        return None

    def count(self, pattern: str) -> int:
        return sum(1 for line, _ in self.seen if re.match(pattern, line))

    def keys(self, pattern: str) -> list[str]:
        """The idempotency keys of the requests that match."""
        return [headers["idempotency-key"] for line, headers in self.seen if re.match(pattern, line)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else head and body of an answer wait for each other's acknowledgement.
    disable_nagle_algorithm = True
    proxy: ClassVar[Proxy]

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}

        def forward() -> Reply:
            return self._forward(body, headers)

        action = self.proxy.action(f"{self.command} {urlsplit(self.path).path}", headers)
        reply = forward() if action is None else action(forward)
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _forward(self, body: bytes, headers: dict[str, str]) -> Reply:
        stripe = http.client.HTTPConnection(self.proxy.target, timeout=30)
        try:
            stripe.request(self.command, self.path, body=body or None, headers=headers)
            response = stripe.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Reply(response.status, response.read(), kept)
        finally:
            stripe.close()

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the server's own naming
