"""How a transaction begins and ends on a connection that a pooler lends for it alone.

BEGIN goes out with the settings and, if there is one, the first statement, in one message of the simple
protocol: to a pooler that is one message and one answer, where each statement of the extended protocol is
several. Values are quoted by libpq. What a server's log must not show is bound, in a message of its own.
"""

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg

from bridge.connecting import Connection
from bridge.errors import LostTransactionError, RoleError

# What BEGIN takes while the pooler has a connection to give.
_NEGLIGIBLE_MS = 100
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_NOT_ROLES = ("none", "postgres", "supabase_admin")
# insufficient_privilege, and invalid_parameter_value for a role that doesn't exist
_ROLE_REFUSED = ("42501", "22023")
_SETTINGS = """
set local statement_timeout = %(ms)s;
set local idle_in_transaction_session_timeout = %(ms)s;
set local application_name = %(name)s;
"""
_TAKE_ROLE = "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)"


class Caller(Protocol):
    """On whose behalf a transaction runs."""

    @property
    def role(self) -> str:
        """The database role."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of the token, which auth.uid() and auth.jwt() read."""


@dataclass(kw_only=True, slots=True)
class First:
    """The first statement of a transaction.

    Attributes:
        query: its text, with named parameters; names other than "ms" and "name".
        values: of its parameters.
        rowcount: how many rows it touched, once the transaction has begun.
    """

    query: str
    values: Mapping[str, str]
    rowcount: int = field(default=-1, init=False)


@dataclass(kw_only=True, slots=True, frozen=True)
class Beginning:
    """What a transaction begins with.

    Attributes:
        name: shown in pg_stat_activity.
        caller: whose role is taken; None: the connection's own stays.
        first: the first statement, run with the connection's own role.

    Raises:
        RoleError: the caller's role is none that anyone may take.
    """

    name: str
    caller: Caller | None = None
    first: First | None = None

    def __post_init__(self) -> None:
        # "none" would give back the role of the connection, which row-level security doesn't bind.
        if self.caller is not None and (
            not _ROLE.fullmatch(self.caller.role)
            or self.caller.role in _NOT_ROLES
            or self.caller.role.startswith("pg_")
        ):
            raise RoleError(f"the role {self.caller.role!r} is none that a caller may have")

    @contextlib.contextmanager
    def transaction(self, connection: Connection, timeout_ms: int) -> Iterator[None]:
        """Run a transaction; it commits at the end of the block and rolls back on an error.

        Args:
            connection: with autocommit on, and no transaction.
            timeout_ms: for each statement, and for each pause between two; what the beginning waited is taken
                off.

        Raises:
            RoleError: the connection's role may not take the caller's.
            LostTransactionError: the block rolled back or ended the transaction, or hid what had voided it.
        """
        try:
            self._begin(connection, timeout_ms)
            with connection.left_open(), _no_silent_rollback():
                yield
            _require_transaction(connection)
            connection.commit()
        except BaseException:
            # On a lost connection there is nothing to roll back; what happened before is what counts.
            with contextlib.suppress(psycopg.Error):
                connection.rollback()
            raise

    def _begin(self, connection: Connection, timeout_ms: int) -> None:
        began = time.monotonic()
        self._open(connection, timeout_ms)
        self._take_role(connection)
        waited_ms = int((time.monotonic() - began) * 1_000)
        if waited_ms > _NEGLIGIBLE_MS:
            psycopg.ClientCursor(connection).execute(_SETTINGS, self._settings(timeout_ms - waited_ms))

    def _open(self, connection: Connection, timeout_ms: int) -> None:
        level = connection.isolation_level
        begin = "begin" if level is None else f"begin isolation level {level.name.replace('_', ' ')}"
        query, values = f"{begin};{_SETTINGS}", self._settings(timeout_ms)
        if self.first is not None:
            query, values = query + self.first.query, {**values, **self.first.values}
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(query.encode(), values)
        if self.first is not None:
            while cursor.nextset():
                pass
            self.first.rowcount = cursor.rowcount

    def _settings(self, timeout_ms: int) -> dict[str, str]:
        return {"ms": str(max(timeout_ms, 1)), "name": self.name}

    def _take_role(self, connection: Connection) -> None:
        if self.caller is None:
            return
        try:
            connection.execute(_TAKE_ROLE, (json.dumps(dict(self.caller.claims)), self.caller.role))
        except psycopg.Error as error:
            if error.sqlstate in _ROLE_REFUSED:
                raise RoleError(
                    f'the role "{self.caller.role}" can\'t be taken: it must exist and be granted to the role'
                    " that database_url names"
                ) from None
            raise


@contextlib.contextmanager
def _no_silent_rollback() -> Iterator[None]:
    # psycopg's nested blocks take Rollback for an order to an outer one, and there is none.
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
