"""One connection to Postgres in each running function, through the pooler in transaction mode.

A pool's background threads freeze with the function, so there is none. The pooler gives a connection to each
transaction and takes it back at its end: nothing here relies on the session (no SET, no prepared statements,
no LISTEN); settings are made with `set local`.
"""

import contextlib
import functools
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, Self

import psycopg
from psycopg.rows import tuple_row

from bridge.connecting import CONNECT_TIMEOUT_SECONDS, Connection, Settings, connect, says_full
from bridge.errors import DatabaseUnavailableError, LostTransactionError, PoolerFullError, RoleError

# Within this time of its last use, a connection is taken to be alive without asking.
TRUSTED_IDLE_SECONDS = 1.0
# NAT gateways and load balancers forget a connection that idles for 350 s, and tell no one.
MAX_IDLE_SECONDS = 300.0
# One that idled for longer may be gone without a word: BEGIN on it is given up early, for a new connection.
# Not sooner: a full pooler keeps in its queue whoever left without being served, and would have each twice.
DOUBTED_IDLE_SECONDS = 60.0
DOUBTED_PATIENCE_MS = 2_000
# What BEGIN takes while the pooler has a connection to give.
_NEGLIGIBLE_MS = 100
_NAME_BYTES = 63
_ID_BYTES = 40
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_NOT_ROLES = ("none", "postgres", "supabase_admin")
# insufficient_privilege, and invalid_parameter_value for a role that doesn't exist
_ROLE_REFUSED = ("42501", "22023")
# The only statement before the block, so that it costs one round trip.
_SETTINGS = """
select set_config('statement_timeout', %(ms)s, true),
       set_config('idle_in_transaction_session_timeout', %(ms)s, true),
       set_config('application_name', %(name)s, true)
"""
_ROLE_SETTINGS = """,
       set_config('request.jwt.claims', %(claims)s, true),
       set_config('role', %(role)s, true)
"""


class Caller(Protocol):
    """On whose behalf a transaction runs."""

    @property
    def role(self) -> str:
        """The database role."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of the token, which auth.uid() and auth.jwt() read."""


class Database:
    """A lazily made connection that is checked before reuse and made again after it broke.

    Args:
        secret_id: the Secrets Manager entry with the URL.
        tls: one of disable, require, verify-ca, verify-full; decides, whatever the URL says.
        application_name: shown in pg_stat_activity.
        url_field: the member of the entry: "database_url" (pooled) or "direct_url".
        isolation: of its transactions; None: as the database has it.

    Raises:
        SettingsError: tls is none of the modes.
    """

    def __init__(
        self,
        secret_id: str,
        *,
        tls: str,
        application_name: str,
        url_field: str = "database_url",
        isolation: psycopg.IsolationLevel | None = None,
    ) -> None:
        settings = Settings(
            secret_id=secret_id, tls=tls, application_name=application_name, url_field=url_field
        )
        self._settings: Callable[[], Settings] = lambda: settings
        self._isolation = isolation
        self._connection: Connection | None = None
        self._used_at = 0.0

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, connect_timeout: int = CONNECT_TIMEOUT_SECONDS
    ) -> Self:
        """Make the database that the deployment gave to this function.

        DATABASE_SECRET_ID, DATABASE_TLS and POWERTOOLS_SERVICE_NAME are read when it connects: a module can
        hold it, and be imported without them.

        Args:
            environment: where they are.
            connect_timeout: seconds, at least 2.
        """
        made = cls("", tls="verify-full", application_name="")
        made._settings = functools.partial(
            Settings.from_environment, environment, connect_timeout=connect_timeout
        )
        return made

    @contextlib.contextmanager
    def transaction(
        self, *, timeout_ms: int, request_id: str = "", caller: Caller | None = None
    ) -> Iterator[psycopg.Connection]:
        """Run a transaction; it commits at the end of the block and rolls back on an error.

        Args:
            timeout_ms: milliseconds that a statement, or a pause between two, may take: a function that was
                stopped half-way must not hold its locks. What waiting for a full pooler took is taken off.
            request_id: shown in pg_stat_activity beside the function's name.
            caller: whose role and claims decide what is seen and changed; None: the function's own role.

        Raises:
            DatabaseUnavailableError: no connection could be made, or none was free.
            RoleError: the caller's role is none that this function may take.
            LostTransactionError: the block rolled back or ended the transaction, or hid what had voided it.
            psycopg.Error: whatever the transaction's statements raise.
        """
        values = {"name": self._name(request_id), **_caller_settings(caller)}
        with contextlib.ExitStack() as begun:
            connection = self._begin(begun, values, timeout_ms)
            try:
                with _no_silent_rollback():
                    yield connection
                _require_transaction(connection)
            finally:
                # What a user of the connection sets for itself is no other's.
                connection.row_factory = tuple_row
                self._used_at = time.time()

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
        return self._connected()

    def _connected(self) -> Connection:
        """Return the connection without asking it: whether it is alive, BEGIN tells."""
        if self._connection is not None and not self._reusable(self._connection):
            self.close()
        if self._connection is None:
            self._connection = connect(self._settings())
            self._connection.isolation_level = self._isolation
            self._used_at = time.time()
        return self._connection

    def _reusable(self, connection: Connection) -> bool:
        idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        return idle and not connection.closed and time.time() - self._used_at < MAX_IDLE_SECONDS

    def _is_doubted(self) -> bool:
        idle_for = time.time() - self._used_at
        return (
            self._connection is not None
            and self._reusable(self._connection)
            and idle_for > DOUBTED_IDLE_SECONDS
        )

    def _responds(self, connection: Connection) -> bool:
        if not self._reusable(connection):
            return False
        if time.time() - self._used_at < TRUSTED_IDLE_SECONDS:
            return True
        try:
            connection.execute("select 1")
        except psycopg.Error:
            return False
        return True

    def _begin(self, begun: contextlib.ExitStack, values: Mapping[str, str], timeout_ms: int) -> Connection:
        """Begin a transaction; once more if the connection is found lost, as nothing of the block has run."""
        began = time.monotonic()
        doubted = self._is_doubted()
        patience_ms = min(DOUBTED_PATIENCE_MS, timeout_ms // 2) if doubted else timeout_ms
        try:
            return self._try_to_begin(begun, values, timeout_ms, patience_ms)
        except psycopg.OperationalError:
            if self._connection is not None:
                raise
        except PoolerFullError:
            if not doubted:
                raise
        left_ms = max(timeout_ms - int((time.monotonic() - began) * 1_000), 1)
        try:
            return self._try_to_begin(begun, values, left_ms, left_ms)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailableError(
                f"the connection to Postgres broke twice while a transaction began: {type(error).__name__}"
            ) from None

    def _try_to_begin(
        self, begun: contextlib.ExitStack, values: Mapping[str, str], timeout_ms: int, patience_ms: int
    ) -> Connection:
        connection = self._connected()
        connection.patience = patience_ms / 1_000
        began = time.monotonic()
        try:
            with contextlib.ExitStack() as beginning:
                beginning.enter_context(connection.transaction())
                waited_ms = int((time.monotonic() - began) * 1_000)
                left_ms = timeout_ms - waited_ms if waited_ms > _NEGLIGIBLE_MS else timeout_ms
                query = _SETTINGS + (_ROLE_SETTINGS if "role" in values else "")
                connection.execute(query, {"ms": str(max(left_ms, 1)), **values})
                begun.push(beginning.pop_all())
        except psycopg.Error as error:
            self._judge(error, connection, values, connection.patience)
            raise
        finally:
            connection.patience = None
        return connection

    def _judge(
        self, error: psycopg.Error, connection: Connection, values: Mapping[str, str], patience: float
    ) -> None:
        """Forget a connection that is lost, and say in clear words what can be said."""
        if connection.closed:
            self.close()
        if connection.unanswered or says_full(error):
            said = (
                f"no answer within {patience:g} s" if connection.unanswered else " ".join(str(error).split())
            )
            raise PoolerFullError(
                f"no connection to Postgres was free: {said}; lower max_concurrency, or give the pooler more"
            ) from None
        if "role" in values and error.sqlstate in _ROLE_REFUSED:
            raise RoleError(
                f'the role "{values["role"]}" can\'t be taken: it must exist and be granted to the role'
                " that database_url names"
            ) from None

    def _name(self, request_id: str) -> str:
        name = self._settings().application_name
        if not request_id:
            return name[:_NAME_BYTES]
        # Postgres keeps 63 bytes: the whole id finds the request, the name may be cut.
        shown = _UNPRINTABLE.sub("?", request_id)[-_ID_BYTES:]
        return f"{name[: _NAME_BYTES - 1 - len(shown)]} {shown}"


def _caller_settings(caller: Caller | None) -> dict[str, str]:
    if caller is None:
        return {}
    # "none" would give back the role of the connection, which row-level security doesn't bind.
    if not _ROLE.fullmatch(caller.role) or caller.role in _NOT_ROLES or caller.role.startswith("pg_"):
        raise RoleError(f"the role {caller.role!r} is none that a caller may have")
    return {"role": caller.role, "claims": json.dumps(dict(caller.claims))}


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
