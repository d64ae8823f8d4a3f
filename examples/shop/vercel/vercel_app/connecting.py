"""How a connection to Postgres is made, encrypted and, if it falls silent, given up."""

import atexit
import functools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import psycopg
from psycopg.conninfo import conninfo_to_dict

from vercel_app.deadline import Deadline
from vercel_app.errors import SettingsError, UnavailableError
from vercel_app.settings import Settings

CONNECT_SECONDS = 5.0
# libpq's least.
_MIN_CONNECT_SECONDS = 2
# Something must be left to read an answer that is there already.
_MIN_WAIT_SECONDS = 0.05
_SESSION = {
    "application_name": "vercel",
    "client_encoding": "utf8",
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
# What PgBouncer, Supavisor and Postgres say when every connection is taken.
_FULL = (
    "no more connections allowed",
    "query_wait_timeout",
    "max client connections",
    "check out connection",
    "check out process",
    "checkout timed out",
    "too many clients",
    "too many connections",
    "remaining connection slots",
)


class Connection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that need not wait for ever: a full pooler lets BEGIN wait for minutes.

    Attributes:
        deadline: by which a statement must have been answered; None: whenever.
        unanswered: a statement was not, and the connection is closed.
    """

    deadline: Deadline | None = None
    unanswered = False

    async def wait(
        self,
        gen: Any,
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109  # psycopg's own
    ) -> Any:
        """Wait as psycopg does, at most until the deadline."""
        if self.deadline is not None:
            left = max(self.deadline.left(), _MIN_WAIT_SECONDS)
            timeout = left if timeout is None else min(timeout, left)
        try:
            return await super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            if self.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.unanswered = True
                await self.close()
            raise


async def connect(settings: Settings, deadline: Deadline) -> Connection:
    """Connect, with autocommit on.

    Raises:
        SettingsError: a variable is missing or can't be used.
        UnavailableError: no connection could be made.
    """
    parameters = _parameters(settings)
    seconds = max(_MIN_CONNECT_SECONDS, int(min(CONNECT_SECONDS, deadline.left())))
    try:
        return await Connection.connect(
            **parameters,
            connect_timeout=seconds,
            autocommit=True,
            # The pooler gives each transaction another session: what one has prepared, the next doesn't know.
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise UnavailableError("Postgres is out of reach", reason=_reason(error, parameters)) from None


def is_full(error: psycopg.Error) -> bool:
    """Tell whether the pooler, or Postgres, has no connection left to give."""
    text = str(error).lower()
    return any(words in text for words in _FULL)


def _parameters(settings: Settings) -> dict[str, Any]:
    try:
        parameters = conninfo_to_dict(settings.database_url)
    except psycopg.Error:
        parameters = {}
    if not parameters.get("host"):
        # libpq's own message quotes the address, and with it the password.
        raise SettingsError(
            "DATABASE_URL must be of the form postgresql://user:password@host:port/database"
            " (special characters percent-encoded)"
        )
    return parameters | _SESSION | _tls(settings.database_tls, settings.ca_certificate)


def _tls(mode: str, certificate: str) -> dict[str, str]:
    if mode in ("disable", "require"):
        return {"sslmode": mode, "sslrootcert": ""}
    if certificate:
        return {"sslmode": mode, "sslrootcert": _file(certificate)}
    if mode == "verify-ca":
        raise SettingsError(
            'DATABASE_TLS "verify-ca" needs DATABASE_CA_CERTIFICATE: without, any public one would pass;'
            ' without one use "verify-full"'
        )
    # libpq's "system" asks the OpenSSL inside psycopg's wheel, which looks where its builder kept them.
    return {"sslmode": mode, "sslrootcert": certifi.where()}


@functools.cache
def _file(certificate: str) -> str:
    # A name of its own each time: one that others could guess, they could also take first.
    descriptor, path = tempfile.mkstemp(prefix="database-ca-", suffix=".pem", text=True)
    with os.fdopen(descriptor, "w") as file:
        file.write(certificate)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path


def _reason(error: psycopg.Error, parameters: Mapping[str, Any]) -> str:
    text = " ".join(str(error).split())
    mode = parameters["sslmode"]
    if "server does not support SSL" in text:
        text += f'; give the server a certificate, or set DATABASE_TLS to "disable" (now "{mode}")'
    elif "certificate" in text:
        text += f'; check DATABASE_CA_CERTIFICATE and DATABASE_TLS (now "{mode}")'
    elif is_full(error):
        text += "; every connection is taken: give the pooler more"
    return f"cannot connect to Postgres at {parameters['host']}:{parameters.get('port', 5432)}: {text}"
