"""The statements of PostgREST: one for each request, answering with all of its rows as one JSON text."""
# ruff: noqa: S608 - every name is quoted and every value bound, by tools.local.supabase_api.rest_sql

from dataclasses import dataclass
from typing import Any

from tools.local.supabase_api import rest_sql as write
from tools.local.supabase_api.database import Statement, Transaction, quoted
from tools.local.supabase_api.errors import RestError, not_implemented
from tools.local.supabase_api.rest_query import Query
from tools.local.supabase_api.rest_request import Payload, Wishes
from tools.local.supabase_api.rest_schema import Function, Table

SINGLE = 1
BODY = "pgrst_body"
CALL = "pgrst_call"
ARGUMENTS = "pgrst_arguments"
SCALAR = "pgrst_scalar"


@dataclass(frozen=True)
class Result:
    """Rows as JSON text, their number, and what the request wants to know besides.

    `total`: how many there are without limit and offset, where that was asked for.
    `inserted`: how many of the written rows are new.
    """

    text: str = "[]"
    count: int = 0
    total: int | None = None
    inserted: int = 0


class TableStatements:
    """What a request does with one table or view. Its methods raise RestError, PGRST116 among others."""

    def __init__(self, transaction: Transaction, table: Table, query: Query, wishes: Wishes) -> None:
        self._transaction = transaction
        self._table = table
        self._relation = write.table(table.name)
        self._query = query
        self._wishes = wishes
        self._statement = Statement()

    async def read(self) -> Result:
        query, statement = self._query, self._statement
        listed = write.columns(query, self._table.name, statement)
        where = self._where()
        order = write.order(query.order, self._table.name, statement)
        total = f"(select count(*) from {self._relation} {where})" if self._wishes.counted else "null"
        return await self._run(
            f"select {write.as_json(listed)} as body, false as inserted "
            f"from {self._relation} {where} {order} limit {query.limit} offset {query.offset}",
            total,
        )

    async def insert(self, payload: Payload) -> Result:
        """Insert rows, or merge them into those that are there."""
        if not payload.rows:
            return single(Result(), self._wishes)
        names = self._named(payload)
        inserted = "xmax = 0" if self._wishes.merging else "true"
        return await self._run(
            f"insert into {self._relation} {self._new_rows(names, payload)} {self._on_conflict(names)} "
            f"returning {self._returned()} as body, {inserted} as inserted"
        )

    async def update(self, payload: Payload) -> Result:
        """Change the rows that fulfil the conditions."""
        names = self._named(payload)
        if not names:
            return single(Result(), self._wishes)
        changes = ", ".join(f"{quoted(name)} = {quoted(BODY, name)}" for name in names)
        content = self._statement.bind(payload.content)
        return await self._run(
            f"update {self._relation} set {changes} "
            f"from json_populate_record(null::{self._relation}, {content}::json) as {BODY} "
            f"{self._safe_where('UPDATE')} returning {self._returned()} as body, false as inserted"
        )

    async def delete(self) -> Result:
        """Remove the rows that fulfil the conditions."""
        return await self._run(
            f"delete from {self._relation} {self._safe_where('DELETE')} "
            f"returning {self._returned()} as body, false as inserted"
        )

    async def _run(self, source: str, total: str = "null") -> Result:
        row = await self._transaction.row(
            f"with {write.SOURCE} as ({source}) "
            f"select {write.collected(singular=self._wishes.singular)}, count(*), {total}, "
            f"count(*) filter (where inserted) from {write.SOURCE}",
            self._statement.values,
        )
        return single(_result(row), self._wishes)

    def _named(self, payload: Payload) -> list[str]:
        names = list(payload.rows[0]) if self._query.columns is None else self._query.columns
        self._table.check(names)
        return names

    def _new_rows(self, names: list[str], payload: Payload) -> str:
        if not names:
            if len(payload.rows) > SINGLE:
                raise not_implemented("inserting several rows of defaults alone")
            return "default values"
        listed = ", ".join(quoted(name) for name in names)
        content = f"{self._statement.bind(payload.content)}::json"
        rows = content if payload.listed else f"json_build_array({content})"
        return f"({listed}) select {listed} from json_populate_recordset(null::{self._relation}, {rows})"

    def _on_conflict(self, names: list[str]) -> str:
        targets = self._query.on_conflict or self._table.key
        if "resolution" not in self._wishes.preferences or not targets:
            return ""
        listed = ", ".join(quoted(name) for name in targets)
        changes = ", ".join(f"{quoted(name)} = {quoted('excluded', name)}" for name in names)
        if self._wishes.merging and changes:
            return f"on conflict ({listed}) do update set {changes}"
        return f"on conflict ({listed}) do nothing"

    def _returned(self) -> str:
        if self._wishes.represented or self._wishes.singular:
            return write.as_json(write.columns(self._query, self._table.name, self._statement))
        if self._wishes.located and self._table.key:
            return write.as_json(", ".join(quoted(self._table.name, column) for column in self._table.key))
        # Nothing is read, so that who may only write can.
        return "null::json"

    def _safe_where(self, verb: str) -> str:
        """Refuse to change every row, as Supabase's extension safeupdate does."""
        if not self._query.where:
            raise RestError(400, "21000", f"{verb} requires a WHERE clause")
        return self._where()

    def _where(self) -> str:
        return write.where(self._query.where, self._table.name, self._statement)


async def call(
    transaction: Transaction, function: Function, query: Query, wishes: Wishes, payload: Payload
) -> Result:
    """Call a function with arguments by name; what it returns is filtered and ordered as a table is."""
    statement = Statement()
    called = _called(function, statement, payload)
    listed = write.as_json(write.columns(query, CALL, statement)) if function.returns_rows else ""
    body = listed or f"to_json({quoted(CALL, SCALAR)})"
    where = write.where(query.where, CALL, statement)
    order = write.order(query.order, CALL, statement)
    one = wishes.singular or not function.returns_set
    row = await transaction.row(
        f"with {write.SOURCE} as ("
        f"select {body} as body from {called} {where} {order} limit {query.limit} offset {query.offset}"
        f") select {write.collected(singular=one)}, count(*), null, 0 from {write.SOURCE}",
        statement.values,
    )
    return single(_result(row), wishes) if function.returns_set else _result(row)


def _called(function: Function, statement: Statement, payload: Payload) -> str:
    names = list(payload.rows[0])
    alias = CALL if function.returns_rows else f"{CALL}({SCALAR})"
    arguments = ", ".join(f"{quoted(name)} => {quoted(ARGUMENTS, name)}" for name in names)
    called = f"{write.table(function.name)}({arguments}) as {alias}"
    if not names:
        return called
    types = ", ".join(f"{quoted(name)} {function.arguments[name]}" for name in names)
    content = statement.bind(payload.content)
    return f"json_to_record({content}::json) as {ARGUMENTS}({types}), lateral {called}"


def _result(row: Any) -> Result:
    text, *numbers = row
    return Result(text or "null", *numbers)


def single(result: Result, wishes: Wishes) -> Result:
    """Return the result where it is what the request accepts.

    Raises:
        RestError: PGRST116, a single object was asked for and there are none or several.
    """
    if wishes.singular and result.count != SINGLE:
        raise RestError(
            406,
            "PGRST116",
            "Cannot coerce the result to a single JSON object",
            details=f"The result contains {result.count} rows",
        )
    return result
