"""The server that tests make their databases on: one of this run, or the one that DATABASE_URL names."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit, urlunsplit

import pytest

from tools.errors import MissingProgramError
from tools.local import programs
from tools.local.postgres import OWNER

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet


class Server(Protocol):
    """Where a server's databases are."""

    def url(self, database: str = OWNER, user: str = OWNER) -> str: ...

    def admin_url(self, database: str = OWNER) -> str: ...


class GivenServer:
    """A running server, whose `authenticator` has the deploying role's password, as in Supabase."""

    def __init__(self, url: str, admin_url: str) -> None:
        self._url = url
        self._admin_url = admin_url

    @classmethod
    def from_environment(cls) -> GivenServer:
        """Return the server of DATABASE_URL and DATABASE_ADMIN_URL; where the second is not set, fail."""
        admin_url = os.environ.get("DATABASE_ADMIN_URL")
        if not admin_url:
            pytest.fail(
                "DATABASE_URL is set, and DATABASE_ADMIN_URL is not: set it to the address of that server's "
                "superuser, who creates the databases; or unset both, to run on servers of this machine",
                pytrace=False,
            )
        return cls(os.environ["DATABASE_URL"], admin_url)

    def url(self, database: str = OWNER, user: str = OWNER) -> str:
        """Return the deploying role's address of a database, or with its password that of `user`."""
        address = urlsplit(self._url)
        credentials, _, place = address.netloc.rpartition("@")
        _, _, password = credentials.partition(":")
        return urlunsplit(address._replace(netloc=f"{user}:{password}@{place}", path=f"/{database}"))

    def admin_url(self, database: str = OWNER) -> str:
        """Return the superuser's address of a database."""
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{database}"))


def is_given() -> bool:
    """Return whether the tests run on the server that DATABASE_URL names."""
    return bool(os.environ.get("DATABASE_URL"))


@functools.cache
def supported_majors() -> list[ParameterSet]:
    """Return the major versions to test on: the oldest supported, and that of the local system.

    The oldest is skipped where this machine lacks it, saying how to get it.
    """
    local = programs.version(programs.postgres_binaries())
    assert local is not None, "the server of the local system doesn't start"
    majors = sorted({programs.OLDEST_POSTGRES, local[0]})
    return [pytest.param(major, id=f"postgres-{major}", marks=_skipped_without(major)) for major in majors]


def _skipped_without(major: int) -> list[pytest.MarkDecorator]:
    try:
        programs.postgres_binaries(major)
    except MissingProgramError as error:
        return [pytest.mark.skip(str(error))]
    return []
