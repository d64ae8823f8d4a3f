"""One POST to an address outside: in its time, following no redirect, to no private address."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as UnfinishedError

from bridge.version import VERSION
from redeliver.delivery import Failure

CONNECT_SECONDS = 5.0
# An answer's body says nothing that matters; this much is read so that the connection can be used again.
_READ_BYTES = 65_536
_SUCCESSES = range(200, 300)
_REDIRECTS = range(300, 400)


_REASONS: dict[type, str] = {
    NameResolutionError: "the host's name can't be resolved",
    ConnectTimeoutError: "no connection in time",
    UnfinishedError: "none in time",
    LocationParseError: "the url can't be read",
}


class PrivateAddressError(HTTPError):
    """The host has an address that is neither public nor in the allowed ranges; nothing was sent."""


class Client:
    """Connections to targets, kept open between requests.

    Args:
        allowed_ranges: CIDRs besides public addresses.
        connections: kept open for each host.
    """

    def __init__(self, *, allowed_ranges: Iterable[str], connections: int) -> None:
        networks = [ipaddress.ip_network(each) for each in allowed_ranges]
        self._manager = urllib3.PoolManager(maxsize=connections, cert_reqs="CERT_REQUIRED")
        self._manager.pool_classes_by_scheme = _pools(lambda address: _may_reach(address, networks))

    def post(self, url: str, body: str, headers: Mapping[str, str], *, seconds: float) -> Failure | None:
        """Post a body as it is.

        Args:
            url: the address; where it redirects to is never followed.
            body: JSON.
            headers: the signature's.
            seconds: for connecting, and again for each wait for the answer.

        Returns:
            None for a 2xx; else why it failed, without anything of the answer's body.
        """
        sent = {
            "Content-Type": "application/json",
            "User-Agent": f"supabase-external-compute/{VERSION}",
            **headers,
        }
        try:
            response = self._manager.request(
                "POST",
                url,
                body=body.encode(),
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            )
        except HTTPError as error:
            return Failure(_without_answer(error), None)
        _finish(response)
        return _verdict(response)


def _verdict(response: urllib3.BaseHTTPResponse) -> Failure | None:
    status = response.status
    if status in _SUCCESSES:
        return None
    if status in _REDIRECTS:
        return Failure(
            f"HTTP {status}, and redirects are not followed: declare the url that it leads to", status
        )
    return Failure(f"HTTP {status}", status, _retry_after(response))


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    try:
        return min(urllib3.Retry().get_retry_after(response) or 0, 86_400)
    except HTTPError:
        return 0


def _finish(response: urllib3.BaseHTTPResponse) -> None:
    """Let the connection be used again, or close it where more comes than is worth reading."""
    try:
        response.read(_READ_BYTES)
        if response.closed or not response.read(1):
            response.release_conn()
            return
    except (HTTPError, OSError):
        pass
    response.close()


def _without_answer(error: HTTPError) -> str:
    """Say why there was none, without the address: it may hold what only its owner should read."""
    if isinstance(error, NewConnectionError) and not isinstance(error, NameResolutionError):
        cause = error.__cause__
        return f"no answer: {(cause.strerror if isinstance(cause, OSError) else None) or 'no connection'}"
    if isinstance(error, PrivateAddressError | SSLError):
        return f"no answer: {error}"
    return (
        f"no answer: {next((_REASONS[kind] for kind in type(error).mro() if kind in _REASONS), 'broken off')}"
    )


def _may_reach(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    given = mapped or address
    return given.is_global or any(given in network for network in networks)


def _pools(may_reach: Callable[[Any], bool]) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose connections look where they have come out before anything is sent.

    The connection is asked, not the name server before it: a name can have another address a moment later.
    """

    class Checked(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            address = ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])
            if not may_reach(address):
                connected.close()
                raise PrivateAddressError(
                    "the host has a private address; name its network in allowed_target_ranges"
                )
            return connected

    class CheckedTls(Checked, HTTPSConnection):
        """The same before TLS begins."""

    class Pool(HTTPConnectionPool):
        ConnectionCls = Checked

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = CheckedTls

    return {"http": Pool, "https": TlsPool}
