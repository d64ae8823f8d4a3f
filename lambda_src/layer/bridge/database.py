"""One connection to Postgres in each running function, through the pooler in transaction mode.

A pool's background threads freeze with the function, so there is none. The pooler gives a connection to each
transaction and takes it back at its end: nothing here relies on the session (no SET, no prepared statements,
no LISTEN); settings are made with `set local`.
"""

import contextlib
import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Self

import psycopg
from psycopg.rows import tuple_row

from bridge.connecting import CONNECT_TIMEOUT_SECONDS, Connection, Settings, connect, says_full
from bridge.errors import DatabaseUnavailableError, PoolerFullError
from bridge.transactions import Beginning, Caller, First

# Within this time of its last use, a connection is taken to be alive without asking.
TRUSTED_IDLE_SECONDS = 1.0
# NAT gateways and load balancers forget a connection that idles for 350 s, and tell no one.
MAX_IDLE_SECONDS = 300.0
# One that idled for longer may be gone without a word: BEGIN on it is given up early, for a new connection.
# Not sooner: a full pooler keeps in its queue whoever left without being served, and would have each twice.
DOUBTED_IDLE_SECONDS = 60.0
DOUBTED_PATIENCE_MS = 2_000
_NAME_BYTES = 63
_ID_BYTES = 40
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")


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
        self,
        *,
        timeout_ms: int,
        request_id: str = "",
        caller: Caller | None = None,
        first: First | None = None,
    ) -> Iterator[psycopg.Connection]:
        """Run a transaction; it commits at the end of the block and rolls back on an error.

        Args:
            timeout_ms: milliseconds that a statement, or a pause between two, may take: a function that was
                stopped half-way must not hold its locks. What waiting for a full pooler took is taken off.
            request_id: shown in pg_stat_activity beside the function's name.
            caller: whose role and claims decide what is seen and changed; None: the function's own role.
            first: a statement that goes out with BEGIN.

        Raises:
            DatabaseUnavailableError: no connection could be made, or none was free.
            RoleError: the caller's role is none that this function may take.
            LostTransactionError: the block rolled back or ended the transaction, or hid what had voided it.
            psycopg.Error: whatever the transaction's statements raise.
        """
        beginning = Beginning(name=self._name(request_id), caller=caller, first=first)
        with contextlib.ExitStack() as begun:
            connection = self._begin(begun, beginning, timeout_ms)
            try:
                yield connection
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

    def _begin(self, begun: contextlib.ExitStack, beginning: Beginning, timeout_ms: int) -> Connection:
        """Begin a transaction; once more if the connection is found lost, as nothing of the block has run."""
        began = time.monotonic()
        doubted = self._is_doubted()
        patience_ms = min(DOUBTED_PATIENCE_MS, timeout_ms // 2) if doubted else timeout_ms
        try:
            return self._try_to_begin(begun, beginning, timeout_ms, patience_ms)
        except psycopg.OperationalError:
            if self._connection is not None:
                raise
        except PoolerFullError:
            if not doubted:
                raise
        left_ms = max(timeout_ms - int((time.monotonic() - began) * 1_000), 1)
        try:
            return self._try_to_begin(begun, beginning, left_ms, left_ms)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailableError(
                f"the connection to Postgres broke twice while a transaction began: {type(error).__name__}"
            ) from None

    def _try_to_begin(
        self, begun: contextlib.ExitStack, beginning: Beginning, timeout_ms: int, patience_ms: int
    ) -> Connection:
        connection = self._connected()
        connection.patience = patience_ms / 1_000
        try:
            begun.enter_context(beginning.transaction(connection, timeout_ms))
        except psycopg.Error as error:
            self._judge(error, connection, connection.patience)
            raise
        finally:
            connection.patience = None
        return connection

    def _judge(self, error: psycopg.Error, connection: Connection, patience: float) -> None:
        """Forget a connection that is lost, and say so when the pooler has none to give."""
        if connection.closed:
            self.close()
        if connection.unanswered or says_full(error):
            said = (
                f"no answer within {patience:g} s" if connection.unanswered else " ".join(str(error).split())
            )
            raise PoolerFullError(
                f"no connection to Postgres was free: {said}; lower max_concurrency, or give the pooler more"
            ) from None

    def _name(self, request_id: str) -> str:
        name = self._settings().application_name
        if not request_id:
            return name[:_NAME_BYTES]
        # Postgres keeps 63 bytes: the whole id finds the request, the name may be cut.
        shown = _UNPRINTABLE.sub("?", request_id)[-_ID_BYTES:]
        return f"{name[: _NAME_BYTES - 1 - len(shown)]} {shown}"
