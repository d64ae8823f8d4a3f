"""Free TCP ports of 127.0.0.1."""

import socket
from collections.abc import Callable
from typing import TypeVar

from tools.errors import StartError

HOST = "127.0.0.1"
ATTEMPTS = 3

Part = TypeVar("Part")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


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
