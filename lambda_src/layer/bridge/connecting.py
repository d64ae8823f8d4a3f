"""Where Postgres is, by the function's environment and its secret, and how a connection to it is made."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads

from bridge import json_text, secrets
from bridge.environment import required
from bridge.errors import DatabaseUnavailableError, PoolerFullError, SecretError, SettingsError
from bridge.tls import TLS_MODES, tls_parameters

CONNECT_TIMEOUT_SECONDS = 5
_KEEPALIVES = {
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


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that need not wait for ever: a full pooler lets BEGIN wait for minutes.

    Attributes:
        patience: seconds that one statement may take on this side; None: as long as it takes.
        unanswered: it ran out of patience and was closed.
    """

    patience: float | None = None
    unanswered = False
    _is_left_open = False

    @contextlib.contextmanager
    def left_open(self) -> Iterator[None]:
        """Refuse to commit and to roll back within the block: whoever began the transaction ends it."""
        self._is_left_open = True
        try:
            yield
        finally:
            self._is_left_open = False

    def commit(self) -> None:
        """Commit as psycopg does.

        Raises:
            psycopg.ProgrammingError: the transaction is another's to end.
        """
        self._require_own_transaction()
        super().commit()

    def rollback(self) -> None:
        """Roll back as psycopg does.

        Raises:
            psycopg.ProgrammingError: the transaction is another's to end.
        """
        self._require_own_transaction()
        super().rollback()

    def _require_own_transaction(self) -> None:
        if self._is_left_open:
            raise psycopg.ProgrammingError("leave COMMIT and ROLLBACK to the caller")

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait as psycopg does, at most as long as the patience lasts."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.unanswered = True
                self.close()
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells about the database.

    Attributes:
        secret_id: the Secrets Manager entry with the URL.
        tls: one of disable, require, verify-ca, verify-full; decides, whatever the URL says.
        application_name: shown in pg_stat_activity.
        url_field: the member of the entry: "database_url" (pooled) or "direct_url".
        connect_timeout: seconds, at least 2.

    Raises:
        SettingsError: tls is none of the modes.
    """

    secret_id: str
    tls: str
    application_name: str
    url_field: str = "database_url"
    connect_timeout: int = CONNECT_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        if self.tls not in TLS_MODES:
            raise SettingsError(f'DATABASE_TLS is "{self.tls}", but must be one of: {", ".join(TLS_MODES)}')

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, connect_timeout: int = CONNECT_TIMEOUT_SECONDS
    ) -> Self:
        """Read DATABASE_SECRET_ID, DATABASE_TLS and POWERTOOLS_SERVICE_NAME.

        Raises:
            SettingsError: one is missing or not what it should be.
        """
        return cls(
            secret_id=required(environment, "DATABASE_SECRET_ID"),
            tls=required(environment, "DATABASE_TLS"),
            application_name=required(environment, "POWERTOOLS_SERVICE_NAME"),
            connect_timeout=connect_timeout,
        )


def connect(settings: Settings) -> Connection:
    """Connect, with autocommit on; if that fails, once more with what the secret says now.

    Raises:
        DatabaseUnavailableError: no connection could be made.
        SecretError: the secret can't be read, or holds no URL.
    """
    parameters = _parameters(settings, secrets.get(settings.secret_id))
    try:
        return _open(settings, parameters)
    except PoolerFullError:
        raise
    except DatabaseUnavailableError:
        # The password or the address may have changed since the entry was read.
        changed = _parameters(settings, secrets.refresh(settings.secret_id))
        if changed == parameters:
            raise
        return _open(settings, changed)


def says_full(error: psycopg.Error) -> bool:
    """Tell whether the pooler, or Postgres, has no connection left to give."""
    text = str(error).lower()
    return any(words in text for words in _FULL)


def _open(settings: Settings, parameters: Mapping[str, Any]) -> Connection:
    try:
        connection = Connection.connect(**parameters, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        kind = PoolerFullError if says_full(error) else DatabaseUnavailableError
        raise kind(_reason(error, parameters, settings.tls)) from None
    # What is read from Postgres has the same types as what an event carries.
    set_json_loads(_loads, connection)
    return connection


def _parameters(settings: Settings, entry: Mapping[str, str]) -> dict[str, Any]:
    url = secrets.field(settings.secret_id, settings.url_field)
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.Error:
        parameters = {}
    if not parameters.get("host"):
        # libpq's own message quotes the URL, and with it the password.
        raise SecretError(
            f'"{settings.url_field}" of secret "{settings.secret_id}" is not of the form'
            " postgresql://user:password@host:port/database (special characters percent-encoded)"
        )
    return parameters | {
        "application_name": settings.application_name,
        "connect_timeout": settings.connect_timeout,
        "client_encoding": "utf8",
        **_KEEPALIVES,
        **tls_parameters(settings.tls, entry.get("ca_certificate", "")),
    }


def _reason(error: psycopg.Error, parameters: Mapping[str, Any], tls: str) -> str:
    text = " ".join(str(error).split())
    if password := parameters.get("password"):
        text = text.replace(password, "***")
    if "server does not support SSL" in text:
        text += f'; give the server a certificate, or set database_tls = "disable" (now "{tls}")'
    elif "certificate" in text:
        text += f'; check "ca_certificate" in the database secret and database_tls (now "{tls}")'
    elif says_full(error):
        text += "; every connection is taken: lower max_concurrency, or give the pooler more"
    return f"cannot connect to Postgres at {parameters['host']}:{parameters.get('port', 5432)}: {text}"


def _loads(data: str | bytes) -> Any:
    return json_text.decode(data if isinstance(data, str) else data.decode())
