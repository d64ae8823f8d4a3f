"""One connection to Postgres in each running function, through the pooler in transaction mode.

A pool's background threads freeze with the function, so there is none. The pooler gives a connection to each
transaction and takes it back at its end: nothing here relies on the session (no SET, no prepared statements,
no LISTEN); settings are made with `set local`.
"""

import atexit
import contextlib
import functools
import os
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row
from psycopg.types.json import set_json_loads

from bridge import json_text, secrets
from bridge.errors import DatabaseUnavailableError, LostTransactionError, SecretError, SettingsError

TLS_MODES = ("disable", "require", "verify-ca", "verify-full")
CONNECT_TIMEOUT_SECONDS = 5
# Within this time of its last use, a connection is taken to be alive without asking.
TRUSTED_IDLE_SECONDS = 1.0
_KEEPALIVES = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}


class Database:
    """A lazily made connection that is checked before reuse and made again after it broke.

    Args:
        secret_id: the Secrets Manager entry with the URL.
        tls: one of disable, require, verify-ca, verify-full; decides, whatever the URL says.
        application_name: shown in pg_stat_activity.
        url_field: the member of the entry: "database_url" (pooled) or "direct_url".

    Raises:
        SettingsError: tls is none of the modes.
    """

    def __init__(
        self, secret_id: str, *, tls: str, application_name: str, url_field: str = "database_url"
    ) -> None:
        if tls not in TLS_MODES:
            raise SettingsError(f'DATABASE_TLS is "{tls}", but must be one of: {", ".join(TLS_MODES)}')
        self._secret_id = secret_id
        self._tls = tls
        self._application_name = application_name
        self._url_field = url_field
        self._connection: psycopg.Connection | None = None
        self._used_at = 0.0

    @contextlib.contextmanager
    def transaction(self, *, timeout_ms: int) -> Iterator[psycopg.Connection]:
        """Run a transaction; it commits at the end of the block and rolls back on an error.

        Args:
            timeout_ms: milliseconds that a statement, or a pause between two, may take: a function that was
                stopped half-way must not hold its locks.

        Raises:
            DatabaseUnavailableError: no connection could be made.
            LostTransactionError: the block rolled back or ended the transaction, or hid what had voided it.
            psycopg.Error: whatever the transaction's statements raise.
        """
        connection = self.connection()
        try:
            with connection.transaction():
                connection.execute(
                    "select set_config('statement_timeout', %(ms)s, true),"
                    " set_config('idle_in_transaction_session_timeout', %(ms)s, true)",
                    {"ms": str(timeout_ms)},
                )
                with _no_silent_rollback():
                    yield connection
                _require_transaction(connection)
        finally:
            # What a user of the connection sets for itself is no other's.
            connection.row_factory = tuple_row
            self._used_at = time.monotonic()

    def close(self) -> None:
        """Close the connection, if there is one; the next use makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connection(self) -> psycopg.Connection:
        """Return the connection, checked and if need be made anew, with autocommit on.

        Raises:
            DatabaseUnavailableError: no connection could be made.
        """
        if self._connection is not None and not self._responds(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _responds(self, connection: psycopg.Connection) -> bool:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            return False
        if time.monotonic() - self._used_at < TRUSTED_IDLE_SECONDS:
            return True
        try:
            connection.execute("select 1")
        except psycopg.Error:
            return False
        return True

    def _connect(self) -> psycopg.Connection:
        parameters = self._parameters(secrets.get(self._secret_id))
        try:
            return self._open(parameters)
        except DatabaseUnavailableError:
            # The password or the address may have changed since the entry was read.
            changed = self._parameters(secrets.refresh(self._secret_id))
            if changed == parameters:
                raise
            return self._open(changed)

    def _open(self, parameters: Mapping[str, Any]) -> psycopg.Connection:
        try:
            connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise DatabaseUnavailableError(_reason(error, parameters, self._tls)) from None
        # What is read from Postgres has the same types as what an event carries.
        set_json_loads(_loads, connection)
        return connection

    def _parameters(self, entry: Mapping[str, str]) -> dict[str, Any]:
        url = secrets.field(self._secret_id, self._url_field)
        try:
            parameters = conninfo_to_dict(url)
        except psycopg.Error:
            parameters = {}
        if not parameters.get("host"):
            # libpq's own message quotes the URL, and with it the password.
            raise SecretError(
                f'"{self._url_field}" of secret "{self._secret_id}" is not of the form'
                " postgresql://user:password@host:port/database (special characters percent-encoded)"
            )
        return parameters | {
            "application_name": self._application_name,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "client_encoding": "utf8",
            **_KEEPALIVES,
            **tls_parameters(self._tls, entry.get("ca_certificate", "")),
        }


@contextlib.contextmanager
def _no_silent_rollback() -> Iterator[None]:
    # psycopg swallows Rollback at the end of the transaction, as if all had gone well.
    try:
        yield
    except psycopg.Rollback:
        raise LostTransactionError("the transaction was rolled back by its own code") from None


def _require_transaction(connection: psycopg.Connection) -> None:
    # Postgres answers the COMMIT of a void transaction by rolling back, and psycopg lets that pass.
    status = connection.info.transaction_status
    if status != psycopg.pq.TransactionStatus.INTRANS:
        raise LostTransactionError(
            f"the transaction cannot be committed, its status is {status.name}: let statements' errors pass,"
            ' or run what may fail in "with db.transaction()"; leave COMMIT and ROLLBACK to the caller'
        )


def tls_parameters(mode: str, ca_certificate: str) -> dict[str, str]:
    """Translate a TLS mode into libpq's parameters.

    Args:
        mode: disable, require, verify-ca or verify-full.
        ca_certificate: PEM text; empty: the system's authorities.

    Raises:
        SettingsError: verify-ca without a certificate: any public one would pass.
    """
    if mode in ("disable", "require"):
        return {"sslmode": mode, "sslrootcert": ""}
    if ca_certificate:
        return {"sslmode": mode, "sslrootcert": _file(ca_certificate)}
    if mode == "verify-ca":
        raise SettingsError(
            'database_tls "verify-ca" needs "ca_certificate" in the database secret;'
            ' without one use "verify-full"'
        )
    return {"sslmode": mode, "sslrootcert": _system_authorities()}


@functools.cache
def _file(certificate: str) -> str:
    # A name of its own each time: one that others could guess, they could also take first.
    descriptor, path = tempfile.mkstemp(prefix="database-ca-", suffix=".pem", text=True)
    with os.fdopen(descriptor, "w") as file:
        file.write(certificate)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path


def _system_authorities() -> str:
    # libpq's "system" asks the OpenSSL inside psycopg's wheel, which looks where its builder kept them.
    system = ssl.get_default_verify_paths().cafile
    if system:
        return system
    from botocore.httpsession import get_cert_path  # noqa: PLC0415  # only where there is no other

    return str(get_cert_path(verify=True))


def _reason(error: psycopg.Error, parameters: Mapping[str, Any], tls: str) -> str:
    text = " ".join(str(error).split())
    if password := parameters.get("password"):
        text = text.replace(password, "***")
    if "server does not support SSL" in text:
        text += f'; give the server a certificate, or set database_tls = "disable" (now "{tls}")'
    elif "certificate" in text:
        text += f'; check "ca_certificate" in the database secret and database_tls (now "{tls}")'
    return f"cannot connect to Postgres at {parameters['host']}:{parameters.get('port', 5432)}: {text}"


def _loads(data: str | bytes) -> Any:
    return json_text.decode(data if isinstance(data, str) else data.decode())
