"""A proxy for Postgres' protocol that can cut connections, or keep the answer to COMMIT to itself."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tools.faults.proxies.http import Met
from tools.local.part import Part
from tools.local.ports import HOST, free_port

CHUNK_BYTES = 65_536
COMMIT = b"COMMIT"


class _Link:
    """A client's connection and the server's, and whether a COMMIT is under way on them."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.committing = False

    def close(self) -> None:
        for end in (self.client, self.server):
            # Wakes the thread that waits for it.
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class PostgresProxy(Part):
    """A proxy on a port of its own, in threads of this process.

    Args:
        upstream: the address of a server or a pooler, without TLS.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._links: set[_Link] = set()
        self._then: Callable[[], object] | None = None
        self._met = Met()
        self._listener: socket.socket | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The upstream's address, by way of the proxy."""
        credentials = self._upstream.netloc.rpartition("@")[0]
        return urlunsplit(self._upstream._replace(netloc=f"{credentials}@{HOST}:{self.port}"))

    def start(self) -> Self:
        self._listener = socket.create_server((HOST, self.port), backlog=128)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()
        return self

    def stop(self) -> None:
        if self._listener is not None:
            # Closing alone would leave the thread in accept().
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> int:
        """Close every connection; return how many there were."""
        links = list(self._links)
        for link in links:
            link.close()
        return len(links)

    @contextlib.contextmanager
    def withholding_commits(self, then: Callable[[], object] = lambda: None) -> Iterator[Met]:
        """Let each COMMIT take effect, call `then` instead of handing on its answer, and cut the link."""
        self._then, self._met = then, Met()
        try:
            yield self._met
        finally:
            self._then = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(
                    (self._upstream.hostname, self._upstream.port or 5432), timeout=5
                )
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            link = _Link(client, server)
            self._links.add(link)
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=self._run, args=[pump, link], daemon=True).start()

    def _run(self, pump: Callable[[_Link], None], link: _Link) -> None:
        with contextlib.suppress(OSError):
            pump(link)
        self._links.discard(link)
        link.close()

    def _to_server(self, link: _Link) -> None:
        while chunk := link.client.recv(CHUNK_BYTES):
            if self._then is not None and COMMIT in chunk:
                link.committing = True
            link.server.sendall(chunk)

    def _to_client(self, link: _Link) -> None:
        while chunk := link.server.recv(CHUNK_BYTES):
            if link.committing:
                # What comes now is the answer to COMMIT: it has taken effect.
                self._met.requests += 1
                if (then := self._then) is not None:
                    then()
                return
            link.client.sendall(chunk)
