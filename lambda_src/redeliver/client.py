"""One POST to an address outside: in its time, following no redirect, to no private address."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

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
# More than there are targets.
_HOSTS = 100
# A body can hold a receipt, and nothing else that matters. One that is this small and there at once is read,
# also so that the connection can be used again.
_READ_BYTES = 4_096
_READ_SECONDS = 0.5
_SUCCESSES = range(200, 300)
_REDIRECTS = range(300, 400)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_REASONS: dict[type, str] = {
    NameResolutionError: "the host's name can't be resolved",
    ConnectTimeoutError: "no connection in time",
    UnfinishedError: "none in time",
    LocationParseError: "the url can't be read",
}


class Answer(NamedTuple):
    """What a target answered.

    Attributes:
        failure: None for a 2xx.
        body: untrusted bytes; empty where it was not read.
    """

    failure: Failure | None
    body: bytes = b""


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
        self._manager = urllib3.PoolManager(num_pools=_HOSTS, maxsize=connections, cert_reqs="CERT_REQUIRED")
        self._manager.pool_classes_by_scheme = _pools(lambda address: may_reach(address, networks))

    def post(self, url: str, body: str, headers: Mapping[str, str], *, seconds: float) -> Answer:
        """Post a body as it is.

        Args:
            url: the address; where it redirects to is never followed.
            body: JSON.
            headers: the signature's.
            seconds: for connecting, and again for each wait for the answer.

        Returns:
            What came back, or why nothing did: a failure says nothing of the answer's body.
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
            return Answer(Failure(_without_answer(error), None))
        return Answer(_verdict(response), _finish(response))

    def close(self) -> None:
        """Close what is open: until the function runs again, what is between may forget the connections."""
        self._manager.clear()


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
    except (HTTPError, ValueError, OverflowError):
        return 0


def _finish(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read a short body and let the connection be used again, or close it where that would take long."""
    length = response.headers.get("content-length", "")
    connection = response.connection
    try:
        if length.isdecimal() and int(length) <= _READ_BYTES and isinstance(connection, HTTPConnection):
            if connection.sock is not None:
                connection.sock.settimeout(_READ_SECONDS)
            body = response.read1(int(length), decode_content=False)
            if len(body) == int(length):
                response.read()  # nothing more; it ends the answer
                response.release_conn()
                return body
    except (HTTPError, OSError, ValueError):
        pass
    response.close()
    return b""


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


def may_reach(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> bool:
    """Tell whether something may be sent to an address: a public one, or one of the networks."""
    given = _embedded(address) or address
    public = given.is_global and not given.is_multicast
    return public or any(given in network for network in networks)


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


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
