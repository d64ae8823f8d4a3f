"""A free port is still free when it is used."""

from __future__ import annotations

import random
import socket

import pytest

from tools.errors import StartError
from tools.local import ports
from tools.local.ports import HOST, free_port

# What Linux gives to outgoing connections begins here; on macOS it begins above.
OUTGOING = 32_768


def should_pick_none_that_an_outgoing_connection_could_get() -> None:
    assert all(free_port() < OUTGOING for _ in range(50))


def should_pass_over_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken_port, other_port = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind((HOST, taken_port))

        def sample(*_: object) -> list[int]:
            return [taken_port, other_port]

        monkeypatch.setattr(random, "sample", sample)
        assert free_port() == other_port
        other_port = taken_port
        with pytest.raises(StartError, match="no free port was found"):
            ports.free_port()
