"""The TLS modes against a server with a certificate of its own authority."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.database import Database
from bridge.errors import DatabaseUnavailableError
from tests.certificates import make_certificate
from tests.unit.aws import Secret
from tools.local.postgres import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def tls_server() -> Iterator[tuple[Server, str]]:
    """A server whose certificate is for localhost, not for 127.0.0.1; and that certificate."""
    with Server(fsync=False) as server, psycopg.connect(server.admin_url(), autocommit=True) as admin:
        row = admin.execute("show data_directory").fetchone()
        assert row is not None
        certificate = make_certificate(Path(row[0]))
        admin.execute("alter system set ssl = on")
        admin.execute("select pg_reload_conf()")
        yield server, certificate


@pytest.fixture
def connect(aws: None, tls_server: tuple[Server, str]) -> Iterator[Connect]:  # noqa: ARG001
    connect = Connect(*tls_server)
    yield connect
    connect.close()


class Connect:
    """Connects by a host's name and a TLS mode; tells whether the connection is encrypted."""

    def __init__(self, server: Server, certificate: str) -> None:
        self._url = server.url()
        self.certificate = certificate
        self._made: list[Database] = []

    def __call__(self, mode: str, *, host: str = "localhost", certificate: str = "") -> bool:
        url = self._url.replace("127.0.0.1", host)
        secret = Secret.create_unique({"database_url": url, "ca_certificate": certificate})
        self._made.append(Database(secret.id, tls=mode, application_name="unit"))
        with self._made[-1].transaction(timeout_ms=5_000) as connection:
            row = connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
        return row == (True,)

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.mark.parametrize(("mode", "encrypted"), [("disable", False), ("require", True)])
def should_encrypt_as_told_without_verifying(connect: Connect, mode: str, *, encrypted: bool) -> None:
    assert connect(mode, host="127.0.0.1") is encrypted


@pytest.mark.parametrize(("mode", "host"), [("verify-full", "localhost"), ("verify-ca", "127.0.0.1")])
def should_verify_by_the_given_authority(connect: Connect, mode: str, host: str) -> None:
    assert connect(mode, host=host, certificate=connect.certificate)


def should_refuse_a_certificate_for_another_host(connect: Connect) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r'does not match host name "127\.0\.0\.1"'):
        connect("verify-full", host="127.0.0.1", certificate=connect.certificate)


def should_refuse_an_authority_that_the_system_does_not_know(connect: Connect) -> None:
    with pytest.raises(DatabaseUnavailableError, match='check "ca_certificate" in the database secret'):
        connect("verify-full")
