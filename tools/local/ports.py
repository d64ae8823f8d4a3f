"""Free TCP ports of 127.0.0.1."""

import random
import socket
from collections.abc import Callable
from typing import TypeVar

from tools.errors import StartError

HOST = "127.0.0.1"
ATTEMPTS = 3
# Linux gives from 32768 on, macOS from 49152 on to outgoing connections.
_PORTS = range(10_240, 32_768)

Part = TypeVar("Part")


def free_port() -> int:
    """Return a port that nothing has, for use at once or later.

    It is none of those that the system gives to outgoing connections: one of these could take it meanwhile.

    Raises:
        StartError: so many are taken that none was met.
    """
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise StartError(f"no free port was found among {_PORTS.start} to {_PORTS.stop - 1}")


def on_free_port(start: Callable[[int], Part]) -> Part:
    """Return `start(port)`; a port that another program took in between is replaced by another one."""
    for _ in range(ATTEMPTS - 1):
        port = free_port()
        try:
            return start(port)
        except StartError:
            if not accepts(port):
                raise
    return start(free_port())


def accepts(port: int, host: str = HOST) -> bool:
    """Return whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
