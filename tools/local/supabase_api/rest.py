"""PostgREST: tables, views and functions of schema public over HTTP, as the role that the token names."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import psycopg
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tools.local.supabase_api import rest_schema as schema
from tools.local.supabase_api.database import Caller, Pool, Transaction
from tools.local.supabase_api.errors import ANONYMOUS, BusyError, RestError, UnreachableError, from_database
from tools.local.supabase_api.gateway import BEARER, REST
from tools.local.supabase_api.rest_query import Query, parse
from tools.local.supabase_api.rest_request import JSON, SINGULAR, Wishes, payload, ranged, wishes
from tools.local.supabase_api.rest_statements import Result, TableStatements, call
from tools.local.supabase_api.tokens import Verifier, role_of

READING = frozenset({"GET", "HEAD"})
METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]
VERSION = "14 (stand-in)"
Answer = Callable[[Transaction, Request, Caller], Awaitable[Response]]


class Rest:
    """The API's routes on one database."""

    def __init__(self, pool: Pool, verifier: Verifier) -> None:
        self._pool = pool
        self._verifier = verifier

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._serving(self._describe), methods=METHODS),
            Route("/rpc/{function}", self._serving(self._call), methods=METHODS),
            Route("/{table}", self._serving(self._table), methods=METHODS),
            Route("/{path:path}", self._serving(_unknown), methods=METHODS),
        ]

    def _serving(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            role = ANONYMOUS
            try:
                caller = self._caller(request)
                role = caller.role
                async with self._pool.transaction(read_only=request.method in READING) as transaction:
                    return await answer(transaction, request, caller)
            except RestError as error:
                return _failure(error)
            except (psycopg.Error, BusyError, UnreachableError) as error:
                return _failure(from_database(error, role))

        return serve

    def _caller(self, request: Request) -> Caller:
        authorization = request.headers.get("authorization", "")
        claims: dict[str, Any] = {}
        if authorization.startswith(BEARER):
            claims = self._verifier.claims(authorization.removeprefix(BEARER).strip())
        role = role_of(claims)
        settings = {
            "search_path": '"public", "extensions"',
            "request.method": request.method,
            "request.path": "/" + request.url.path.removeprefix(REST),
            "request.headers": json.dumps(dict(request.headers)),
            "request.cookies": json.dumps(request.cookies),
        }
        return Caller(role, {**claims, "role": role}, settings)

    async def _table(self, transaction: Transaction, request: Request, caller: Caller) -> Response:
        wanted = wishes(request.headers, request.method)
        query = parse(request.url.query)
        table = await schema.table(transaction, request.path_params["table"])
        await transaction.become(caller)
        statements = TableStatements(transaction, table, query, wanted)
        match request.method:
            case "GET" | "HEAD":
                ranged(request.headers, query)
                return _page(await statements.read(), query, wanted)
            case "POST":
                rows = payload(await request.body())
                return _created(await statements.insert(rows), table, wanted)
            case "PATCH":
                changes = payload(await request.body(), single=True)
                return _changed(await statements.update(changes), wanted)
            case "DELETE":
                return _changed(await statements.delete(), wanted)
            case method:
                raise RestError(405, "PGRST117", f"Unsupported HTTP method: {method}")

    async def _call(self, transaction: Transaction, request: Request, caller: Caller) -> Response:
        if request.method != "POST":
            raise RestError(405, "PGRST101", f"Cannot use the {request.method} method on RPC")
        wanted = wishes(request.headers, request.method)
        query = parse(request.url.query)
        ranged(request.headers, query)
        arguments = payload(await request.body() or b"{}", single=True)
        name = request.path_params["function"]
        function = await schema.function(transaction, name, list(arguments.rows[0]))
        await transaction.become(caller)
        result = await call(transaction, function, query, wanted, arguments)
        if function.returns_void:
            return Response(status_code=204)
        return _answer(200, result.text, wanted, {"Content-Range": _content_range(0, result)})

    async def _describe(self, transaction: Transaction, request: Request, caller: Caller) -> Response:
        del request, caller
        paths = {f"/{name}": {"get": {"tags": [name]}} for name in await schema.tables(transaction)}
        document = {
            "swagger": "2.0",
            "info": {"title": "standard public schema", "version": VERSION},
            "paths": paths,
        }
        return Response(json.dumps(document), media_type="application/openapi+json; charset=utf-8")


async def _unknown(transaction: Transaction, request: Request, caller: Caller) -> Response:
    del transaction, request, caller
    raise RestError(404, "PGRST125", "Invalid path specified in request URL")


def _page(result: Result, query: Query, wanted: Wishes) -> Response:
    if result.total is not None and query.offset > result.total:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            details=f"An offset of {query.offset} was requested, but there are only {result.total} rows.",
            headers={"Content-Range": f"*/{result.total}"},
        )
    status = 206 if result.total is not None and result.count < result.total else 200
    headers = {"Content-Range": _content_range(query.offset, result)} | wanted.applied("count")
    return _answer(status, result.text, wanted, headers)


def _created(result: Result, table: schema.Table, wanted: Wishes) -> Response:
    headers = {"Content-Range": f"*/{result.count if wanted.counted else '*'}"}
    headers |= wanted.applied("resolution", "return", "count")
    status = 200 if wanted.merging and result.inserted == 0 else 201
    if wanted.represented or wanted.singular:
        return _answer(status, result.text, wanted, headers)
    if wanted.located and result.count == 1 and table.key:
        [row] = json.loads(result.text)
        conditions = "&".join(f"{quote(name)}=eq.{quote(_text(row[name]))}" for name in table.key)
        headers["Location"] = f"/{quote(table.name)}?{conditions}"
    return Response(status_code=status, headers=headers)


def _changed(result: Result, wanted: Wishes) -> Response:
    total = result.count if wanted.counted else "*"
    shown = f"0-{result.count - 1}" if result.count else "*"
    headers = {"Content-Range": f"{shown}/{total}"} | wanted.applied("return", "count")
    if wanted.represented or wanted.singular:
        return _answer(200, result.text, wanted, headers)
    return Response(status_code=204, headers=headers)


def _content_range(offset: int, result: Result) -> str:
    total = "*" if result.total is None else result.total
    return f"{offset}-{offset + result.count - 1}/{total}" if result.count else f"*/{total}"


def _answer(status: int, text: str, wanted: Wishes, headers: dict[str, str]) -> Response:
    kind = SINGULAR if wanted.singular else JSON
    return Response(text, status, headers | {"Content-Type": f"{kind}; charset=utf-8"})


def _failure(error: RestError) -> Response:
    headers = error.headers | {
        "Content-Type": f"{JSON}; charset=utf-8",
        "Proxy-Status": f"PostgREST; error={error.body['code']}",
    }
    return Response(json.dumps(error.body), error.status, headers)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
