"""Supabase's REST API, PostgREST: as the service role, or as the calling user.

users = Supabase.service_role()
[row] = users.insert("users", [{"email": "ada@example.com", "name": "Ada"}])

mine = Supabase.as_user(caller.token)          # row-level security decides
rows = mine.select("orders", columns="id,total", where=[eq("status", "pending")], order="id.asc", limit=20)
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

from bridge import rest, secrets
from bridge.environment import required
from bridge.errors import SupabaseError, SupabaseKeyError, SupabaseUnauthorizedError
from bridge.filters import Filter, eq, gt, gte, is_in, is_not_null, is_null, like, lt, lte, neq

__all__ = [
    "Filter",
    "Row",
    "Supabase",
    "eq",
    "gt",
    "gte",
    "is_in",
    "is_not_null",
    "is_null",
    "like",
    "lt",
    "lte",
    "neq",
]

Row = dict[str, Any]
Rows = list[Row]
# API Gateway gives up after 30 seconds.
TIMEOUT_SECONDS = 10.0
_TABLES = "/rest/v1/"
_FUNCTIONS = "/rest/v1/rpc/"
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


class Supabase:
    """A client with one identity; connections are shared between all of them.

    Numbers with a fraction are read as Decimal and sent as text, which a numeric column takes; within a jsonb
    value, convert them before it is written back.

    Every method raises SupabaseError, or one of its kinds, when the request is refused or not answered in
    time; SecretError when there is no key.
    """

    def __init__(self, secret_variable: str, key: str, token: str, *, timeout: float) -> None:
        """Use `service_role` or `as_user` instead."""
        self._secret_variable = secret_variable
        self._key = key
        self._token = token
        self._timeout = timeout

    @classmethod
    def service_role(cls, *, timeout: float = TIMEOUT_SECONDS) -> Self:
        """Act as the service role: row-level security doesn't apply.

        SUPABASE_SERVICE_ROLE_SECRET_ID is read with each request: a module can hold the client.

        Args:
            timeout: seconds that a request may take, all its attempts together.
        """
        return cls("SUPABASE_SERVICE_ROLE_SECRET_ID", "service_role_key", "", timeout=timeout)

    @classmethod
    def as_user(cls, token: str, *, timeout: float = TIMEOUT_SECONDS) -> Self:
        """Act as the user whose token this is: row-level security decides.

        Args:
            token: the user's own, as `bridge.api.caller` returns it.
            timeout: seconds that a request may take, all its attempts together.
        """
        return cls("SUPABASE_SECRET_ID", "anon_key", token, timeout=timeout)

    @classmethod
    def anonymous(cls, *, timeout: float = TIMEOUT_SECONDS) -> Self:
        """Act as someone who has not signed in.

        Args:
            timeout: seconds that a request may take, all its attempts together.
        """
        return cls.as_user("", timeout=timeout)

    def select(
        self,
        table: str,
        *,
        columns: str = "*",
        where: Sequence[Filter] = (),
        order: str = "",
        limit: int | None = None,
    ) -> Rows:
        """Read rows; PostgREST returns at most 1000 of them by default.

        Args:
            table: a table or view of the exposed schema.
            columns: as PostgREST's `select` takes them: "id,name".
            where: conditions that must all hold.
            order: as PostgREST takes it: "created_at.desc,id".
            limit: of rows.
        """
        parameters = [("select", columns), *_conditions(where)]
        if order:
            parameters.append(("order", order))
        if limit is not None:
            parameters.append(("limit", str(limit)))
        return self._rows("GET", table, parameters, idempotent=True)

    def single(self, table: str, *, columns: str = "*", where: Sequence[Filter]) -> Row | None:
        """Read the one row that fulfils the conditions; None if there is none.

        Raises:
            SupabaseError: PGRST116, there are several.
        """
        rows = self.select(table, columns=columns, where=where, limit=2)
        if len(rows) > 1:
            raise SupabaseError(406, "PGRST116", f'several rows of "{table}" where one was expected')
        return rows[0] if rows else None

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]], *, columns: str = "*") -> Rows:
        """Insert rows, all with the same columns, all or none; returns them as they are stored."""
        return self._rows("POST", table, [("select", columns)], rows)

    def upsert(
        self, table: str, rows: Sequence[Mapping[str, Any]], *, on_conflict: str, columns: str = "*"
    ) -> Rows:
        """Insert rows, or update those whose columns `on_conflict` are there already; returns them.

        It may be sent twice when the first answer is lost; rows then fire their triggers twice.
        """
        parameters = [("on_conflict", on_conflict), ("select", columns)]
        prefer = "resolution=merge-duplicates,return=representation"
        return self._rows("POST", table, parameters, rows, prefer=prefer, idempotent=True)

    def update(
        self, table: str, values: Mapping[str, Any], *, where: Sequence[Filter], columns: str = "*"
    ) -> Rows:
        """Update the rows that fulfil the conditions, at least one of which is needed; returns them."""
        return self._rows("PATCH", table, [("select", columns), *_some_conditions(where)], values)

    def delete(self, table: str, *, where: Sequence[Filter], columns: str = "*") -> Rows:
        """Delete the rows that fulfil the conditions, at least one of which is needed.

        Returns:
            The deleted rows; none, when they were deleted by a first attempt whose answer was lost.
        """
        parameters = [("select", columns), *_some_conditions(where)]
        return self._rows("DELETE", table, parameters, idempotent=True)

    def rpc(
        self, function: str, arguments: Mapping[str, Any] | None = None, *, idempotent: bool = False
    ) -> Any:
        """Call a function of the exposed schema and return what it returns.

        Args:
            function: its name.
            arguments: by name.
            idempotent: whether it may be called twice when the first answer is lost.
        """
        path = _FUNCTIONS + quote(function, safe="")
        return self._send(
            rest.Request(method="POST", path=path, body=dict(arguments or {}), idempotent=idempotent)
        )

    def _rows(  # noqa: PLR0913  # what a request consists of
        self,
        method: str,
        table: str,
        parameters: Sequence[tuple[str, str]],
        body: Any = None,
        *,
        prefer: str = "return=representation",
        idempotent: bool = False,
    ) -> Rows:
        request = rest.Request(
            method=method,
            path=_TABLES + quote(table, safe=""),
            parameters=parameters,
            body=body,
            prefer="" if method == "GET" else prefer,
            idempotent=idempotent,
        )
        rows: Rows = self._send(request) or []
        return rows

    def _send(self, request: rest.Request) -> Any:
        deadline = time.monotonic() + self._timeout
        access = None
        try:
            access = self._access()
            return self._sent(request, access, deadline)
        except SupabaseKeyError:
            # It may have been exchanged since the entry was read.
            secrets.refresh(required(os.environ, self._secret_variable))
            if (changed := self._access()) == access:
                raise
        return self._sent(request, changed, deadline)

    def _sent(self, request: rest.Request, access: tuple[str, Mapping[str, str]], deadline: float) -> Any:
        url, headers = access
        try:
            return rest.send(url, request, headers, deadline=deadline)
        except SupabaseUnauthorizedError as error:
            # PostgREST says so with a code, of the user's token; the gateway without one, of the key.
            if self._token and error.code:
                raise
            raise SupabaseKeyError(
                error.status, error.code, f'"{self._key}" is not accepted: {error.message}'
            ) from None

    def _access(self) -> tuple[str, Mapping[str, str]]:
        """Return the gateway's address and the headers that say who asks."""
        secret_id = required(os.environ, self._secret_variable)
        key = secrets.field(secret_id, self._key).strip()
        if not _HEADER_VALUE.fullmatch(key):
            # http.client's own error quotes it.
            raise SupabaseKeyError(
                0, message=f'"{self._key}" of secret "{secret_id}" is no key: it is broken'
            )
        headers = {"apikey": key}
        # The older keys are tokens, from which PostgREST takes the role. The newer ones (sb_secret_…) are
        # none and would be refused there: the gateway puts a token in their place.
        if bearer := self._token or (key if key.count(".") == 2 else ""):  # noqa: PLR2004
            headers["Authorization"] = f"Bearer {bearer}"
        return secrets.field(secret_id, "url").strip().rstrip("/"), headers


def _conditions(where: Sequence[Filter]) -> list[tuple[str, str]]:
    return [(each.column, each.condition) for each in where]


def _some_conditions(where: Sequence[Filter]) -> list[tuple[str, str]]:
    if not where:
        raise ValueError("to change every row, name a condition that every row fulfils")
    return _conditions(where)
