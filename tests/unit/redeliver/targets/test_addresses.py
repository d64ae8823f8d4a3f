"""Which addresses are reached, over which TLS, and what is said of those that are not."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.certificates import make_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.redeliver.targets.outside import Outside
    from tests.unit.targets import Target


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:9/", "no answer: Connection refused"),
        ("http://nowhere.invalid/", "no answer: the host's name can't be resolved"),
    ],
)
def should_say_why_there_was_no_answer(outside: Outside, url: str, error: str) -> None:
    outside.declare(edge=url)
    outside.insert()

    outside.run()

    assert outside.errors() == [["pending", 1, error]]
    assert outside.held() == ["edge"]


def should_refuse_a_target_without_tls_where_tls_is_asked_for(outside: Outside, edge: Target) -> None:
    outside.declare(edge=edge.url.replace("http:", "https:"))
    outside.insert()

    outside.run()

    [[_, _, error]] = outside.errors()
    assert error.startswith("no answer: ")
    assert edge.received == []


@pytest.mark.parametrize("ranges", ["[]", '["10.0.0.0/8", "::1/128"]'])
def should_send_nothing_to_a_private_address(outside: Outside, edge: Target, ranges: str) -> None:
    outside.declare(ranges=ranges, edge=edge.url, other=edge.url.replace("127.0.0.1", "localhost"))
    outside.insert()

    outside.run()

    assert edge.received == []
    for target in ("edge", "other"):
        [[_, _, error]] = outside.errors(target)
        assert error == (
            "no answer: the host has a private address; name its network in allowed_target_ranges"
        )


def should_reach_no_private_address_by_another_spelling() -> None:
    from redeliver.client import may_reach  # noqa: PLC0415

    spellings = ["10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fe80::1", "fc00::1"]
    spellings += ["169.254.169.254", "100.64.0.1", "224.0.0.1", "ff02::1", "0.0.0.0", "::"]
    private = [spelling for spelling in spellings if may_reach(ipaddress.ip_address(spelling), [])]

    assert private == []
    assert may_reach(ipaddress.ip_address("1.1.1.1"), [])
    assert may_reach(ipaddress.ip_address("2606:4700:4700::1111"), [])
    assert may_reach(ipaddress.ip_address("::ffff:10.0.0.1"), [ipaddress.ip_network("10.0.0.0/8")])


def should_refuse_a_certificate_that_nobody_trusts(outside: Outside, edge: Target, tmp_path: Path) -> None:
    outside.declare(edge=edge.url.replace("http://127.0.0.1", "https://localhost"))
    make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    edge.socket = context.wrap_socket(edge.socket, server_side=True)
    outside.insert()

    outside.run()

    [[_, _, error]] = outside.errors()
    assert "certificate" in error
    assert edge.received == []
