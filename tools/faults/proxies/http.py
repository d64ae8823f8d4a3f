"""A proxy for HTTP that forwards, and does something else for as long as it is told to."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

from tools.local.part import Part
from tools.local.ports import HOST, free_port

# Longer than anybody here waits for an answer.
SECONDS = 120.0
_OF_A_CONNECTION = (
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "host",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is told."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


Send = Callable[[Request], Answer]
# What becomes of a request: an answer, or None to break the connection off without one.
Behaviour = Callable[[Request, Send], Answer | None]


@dataclass
class Met:
    """How many requests met a behaviour."""

    requests: int = 0

    def __bool__(self) -> bool:
        return self.requests > 0


def forward(request: Request, send: Send) -> Answer | None:
    """Do nothing."""
    return send(request)


def answering(status: int, **headers: str) -> Behaviour:
    """Answer all by itself; headers with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _send: Answer(status, named)


def keeping_the_answer(request: Request, send: Send) -> None:
    """Let the request take effect, and break off before the answer."""
    send(request)


def counting(statuses: Counter[int]) -> Behaviour:
    """Forward, and count the answers by their status."""

    def count(request: Request, send: Send) -> Answer:
        answer = send(request)
        statuses[answer.status] += 1
        return answer

    return count


def aging(seconds: list[float]) -> Behaviour:
    """Forward, and note how long ago each request was signed."""

    def note(request: Request, send: Send) -> Answer:
        seconds.append(time.time() - int(request.headers["webhook-timestamp"]))
        return send(request)

    return note


class HttpProxy(Part):
    """A proxy on a port of its own, in threads of this process.

    Args:
        upstream: where requests go: scheme, host and port.
        usual: what it does while it is told nothing else.
    """

    def __init__(self, upstream: str, *, usual: Behaviour = forward) -> None:
        self._upstream = upstream
        self._behaviour = usual
        self._server: ThreadingHTTPServer | None = None
        # It keeps no connection: whoever stops the proxy while requests are under way leaves none open.
        self._client = httpx.Client(
            timeout=SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        self.port = free_port()

    @property
    def url(self) -> str:
        """Its address, without trailing slash."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        self._server = _Server((HOST, self.port), self._handler())
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextlib.contextmanager
    def behaving(self, behaviour: Behaviour) -> Iterator[Met]:
        """Do something else with each request that comes within the block."""
        met, usual = Met(), self._behaviour

        def counted(request: Request, send: Send) -> Answer | None:
            met.requests += 1
            return behaviour(request, send)

        self._behaviour = counted
        try:
            yield met
        finally:
            self._behaviour = usual

    @contextlib.contextmanager
    def silent(self) -> Iterator[Met]:
        """Accept requests and answer none; those that still wait at the end are broken off."""
        over = threading.Event()

        def wait(_request: Request, _send: Send) -> None:
            over.wait(SECONDS)

        with self.behaving(wait) as met:
            try:
                yield met
            finally:
                over.set()

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _send(self, request: Request) -> Answer:
        response = self._client.request(
            request.method,
            f"{self._upstream}{request.path}",
            content=request.body,
            headers={name: value for name, value in request.headers.items() if name not in _OF_A_CONNECTION},
        )
        headers = {name: value for name, value in response.headers.items() if name not in _OF_A_CONNECTION}
        return Answer(response.status_code, headers, response.content)

    def _answer(self, request: Request) -> Answer | None:
        try:
            return self._behaviour(request, self._send)
        except httpx.HTTPError:
            return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            # HTTP/1.0, whose connections end with the answer: a proxy that refuses them has none left open.

            def handle_one_request(self) -> None:
                # A client that has given up is none of the proxy's faults.
                with contextlib.suppress(OSError):
                    super().handle_one_request()

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                found = answer(Request(self.command, self.path, headers, body))
                if found is None:
                    return
                self.send_response(found.status)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

            def log_message(self, *_: Any) -> None:
                """Say nothing: the terminal is the suite's."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # pg_net sends two hundred at a time.
    request_queue_size = 256
