"""An address that takes whatever is posted to it, counts the events, and notes when each came."""

import asyncio
import base64
import hmac
import re
import threading
import time
from typing import Self

from tools.local.part import Part
from tools.local.ports import HOST

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *([^\r]+)", re.IGNORECASE)
_TIMESTAMP = re.compile(rb"\r\nwebhook-timestamp: *(\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
# Each event of the bridge's has one; a body of the alternatives is an event.
_EVENT = b'"operation"'


class Sink(Part):
    """An HTTP server in a thread of this process.

    Attributes:
        events: that have arrived.
        last_at: when the last of them did, by time.monotonic().
        arrivals: the seconds since 1970 at which each body arrived, and the body.
        secret: base64; signs a receipt for each answer, as a target's receiver does. Empty: none is given.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._closing: set[asyncio.Transport] = set()
        self.events = 0
        self.last_at = 0.0
        self.arrivals: list[tuple[float, bytes]] = []
        self.secret = ""

    @property
    def url(self) -> str:
        """Its address, without trailing slash."""
        if self._server is None:
            raise RuntimeError("the sink doesn't run")
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def start(self) -> Self:
        self._thread.start()
        made = self._loop.create_server(lambda: _Connection(self), HOST, 0, backlog=512)
        self._server = asyncio.run_coroutine_threadsafe(made, self._loop).result()
        return self

    def stop(self) -> None:
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(self._close(self._server), self._loop).result()
            self._server = None
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for transport in list(self._closing):
            transport.abort()
        await asyncio.sleep(0)

    def forget(self) -> None:
        """Begin to count anew."""
        self.events = 0
        self.arrivals = []

    def wait_for(self, events: int, *, seconds: float) -> float:
        """Wait until so many events have arrived or it takes too long; return when, by time.monotonic()."""
        deadline = time.monotonic() + seconds
        while self.events < events and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.last_at if self.events >= events else time.monotonic()

    def opened(self, transport: asyncio.Transport) -> None:
        self._closing.add(transport)

    def closed(self, transport: asyncio.Transport) -> None:
        self._closing.discard(transport)

    def take(self, head: bytes, body: bytes) -> bytes:
        """Count what a body holds; return what is answered."""
        self.arrivals.append((time.time(), body))
        self.events += body.count(_EVENT) or 1
        self.last_at = time.monotonic()
        return self._receipt(head)

    def _receipt(self, head: bytes) -> bytes:
        message_id, timestamp = _ID.search(head), _TIMESTAMP.search(head)
        if not self.secret or not message_id or not timestamp:
            return b"{}"
        signed = b"%s.%s.accepted" % (message_id[1], timestamp[1])
        signature = hmac.digest(base64.b64decode(self.secret), signed, "sha256")
        return b'{"receipt": "v1,%s"}' % base64.b64encode(signature)


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of TCP
        self._transport = transport
        self._sink.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._transport is not None:
            self._sink.closed(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            answer = self._sink.take(head, bytes(self._received[end + 4 : size]))
            del self._received[:size]
            assert self._transport is not None  # noqa: S101 - it is connected
            self._transport.write(_ANSWER % (len(answer), answer))
