"""Storage's routes: buckets, objects, lists, signed addresses."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import jwt
import psycopg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tools.local.supabase_api import storage_tables as tables
from tools.local.supabase_api.database import Caller, Pool
from tools.local.supabase_api.errors import BusyError, RestError, UnreachableError
from tools.local.supabase_api.gateway import BEARER
from tools.local.supabase_api.keys import HS256
from tools.local.supabase_api.storage_errors import (
    StorageError,
    denied,
    from_database,
    invalid,
    no_bucket,
    no_object,
)
from tools.local.supabase_api.storage_files import Files
from tools.local.supabase_api.storage_objects import SERVICE, Objects, Upload
from tools.local.supabase_api.storage_tables import Stored
from tools.local.supabase_api.tokens import Verifier, role_of

Answer = Callable[[Request], Awaitable[Response]]
# As Storage's library for tokens says it.
EXPIRED = '"exp" claim timestamp check failed'
UNVERIFIED = "signature verification failed"
MALFORMED = "Invalid Compact JWS"
NO_HEADER = "headers must have required property 'authorization'"
# Names of the metadata, and of the headers that show it.
SHOWN = {"eTag": "ETag", "cacheControl": "Cache-Control", "mimetype": "Content-Type"}


class Storage:
    """The API's routes on one database and one directory."""

    def __init__(self, pool: Pool, verifier: Verifier, files: Files, *, signing_secret: str) -> None:
        self._pool = pool
        self._verifier = verifier
        self._objects = Objects(pool, files)
        self._secret = signing_secret

    def routes(self) -> list[BaseRoute]:
        """Return the routes, of which the first that fits is taken."""
        named: list[tuple[str, str, Answer]] = [
            ("GET", "/bucket", self._buckets),
            ("POST", "/bucket", self._new_bucket),
            ("GET", "/bucket/{bucket}", self._bucket),
            ("DELETE", "/bucket/{bucket}", self._remove_bucket),
            ("POST", "/object/list/{bucket}", self._list),
            ("POST", "/object/sign/{bucket}/{name:path}", self._sign),
            ("GET", "/object/sign/{bucket}/{name:path}", self._signed),
            ("GET", "/object/public/{bucket}/{name:path}", self._public),
            ("GET", "/object/authenticated/{bucket}/{name:path}", self._authenticated),
            ("GET", "/object/{bucket}/{name:path}", self._get),
            ("POST", "/object/{bucket}/{name:path}", self._upload),
            ("PUT", "/object/{bucket}/{name:path}", self._upload),
            ("DELETE", "/object/{bucket}/{name:path}", self._remove),
            ("DELETE", "/object/{bucket}", self._remove_several),
        ]
        return [Route(path, _serving(answer), methods=[method]) for method, path, answer in named]

    def _caller(self, request: Request) -> Caller:
        authorization = request.headers.get("authorization", "")
        if not authorization:
            raise StorageError(400, "Error", NO_HEADER)
        try:
            claims = self._verifier.claims(authorization.removeprefix(BEARER).strip())
        except RestError as error:
            raise denied(_in_storages_words(error)) from error
        role = role_of(claims)
        return Caller(role, {**claims, "role": role}, _settings(request))

    async def _buckets(self, request: Request) -> Response:
        async with self._pool.transaction(read_only=True) as transaction:
            await transaction.become(self._caller(request))
            return _json(await tables.buckets(transaction))

    async def _bucket(self, request: Request) -> Response:
        async with self._pool.transaction(read_only=True) as transaction:
            await transaction.become(self._caller(request))
            [found] = json.loads(await tables.buckets(transaction, request.path_params["bucket"])) or [None]
        if found is None:
            raise no_bucket()
        return JSONResponse(found)

    async def _new_bucket(self, request: Request) -> Response:
        caller, given = self._caller(request), await _body(request)
        name = given.get("id") or given.get("name")
        if not isinstance(name, str) or not name:
            raise invalid("body must have required property 'name'")
        owner = caller.claims.get("sub")
        values = [
            name,
            given.get("name") or name,
            bool(given.get("public")),
            given.get("file_size_limit"),
            given.get("allowed_mime_types"),
            tables.owner_uuid(owner),
            owner,
        ]
        async with self._pool.transaction() as transaction:
            await transaction.become(caller)
            await transaction.rows(tables.NEW_BUCKET, values)
        return JSONResponse({"name": name})

    async def _remove_bucket(self, request: Request) -> Response:
        bucket = request.path_params["bucket"]
        async with self._pool.transaction() as transaction:
            await transaction.become(self._caller(request))
            try:
                removed = await transaction.rows(tables.REMOVED_BUCKET, [bucket])
            except psycopg.errors.ForeignKeyViolation as error:
                message = "The bucket you tried to delete is not empty"
                raise StorageError(409, "ResourceNotEmpty", message) from error
        if not removed:
            raise no_bucket()
        return JSONResponse({"message": "Successfully deleted"})

    async def _upload(self, request: Request) -> Response:
        caller = self._caller(request)
        bucket, name = _place(request)
        headers = request.headers
        upload = Upload(
            bucket,
            name,
            await request.body(),
            media_type=headers.get("content-type", "application/octet-stream"),
            cache_control=headers.get("cache-control", "no-cache"),
            user_metadata=headers.get("x-metadata", ""),
            merging=request.method == "PUT" or headers.get("x-upsert") == "true",
        )
        if upload.media_type.startswith("multipart/"):
            raise invalid("the local stand-in for Storage takes no multipart body: send the content itself")
        identity = await self._objects.keep(caller, upload)
        return JSONResponse({"Key": f"{bucket}/{name}", "Id": identity})

    async def _get(self, request: Request) -> Response:
        try:
            caller = self._caller(request)
        except StorageError:
            # This address also serves what is public: no token, or a wrong one, is as good as any.
            caller = None
        return self._answer(request, await self._objects.visible(caller, *_place(request)))

    async def _authenticated(self, request: Request) -> Response:
        stored = await self._objects.visible(self._caller(request), *_place(request))
        return self._answer(request, stored)

    async def _public(self, request: Request) -> Response:
        return self._answer(request, await self._objects.public(*_place(request)))

    async def _remove(self, request: Request) -> Response:
        bucket, name = _place(request)
        if not await self._objects.remove(self._caller(request), bucket, [name]):
            raise no_object()
        return JSONResponse({"message": "Successfully deleted"})

    async def _remove_several(self, request: Request) -> Response:
        caller, names = self._caller(request), (await _body(request)).get("prefixes")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise invalid("body must have required property 'prefixes'")
        return JSONResponse(await self._objects.remove(caller, request.path_params["bucket"], names))

    async def _list(self, request: Request) -> Response:
        caller, wanted = self._caller(request), await _body(request)
        if "prefix" not in wanted:
            raise invalid("body must have required property 'prefix'")
        return _json(await self._objects.listed(caller, request.path_params["bucket"], wanted))

    async def _sign(self, request: Request) -> Response:
        bucket, name = _place(request)
        seconds = (await _body(request)).get("expiresIn")
        if not isinstance(seconds, int) or seconds < 1:
            raise invalid("body must have required property 'expiresIn'")
        await self._objects.find(self._caller(request), bucket, name)
        now = int(time.time())
        claims = {"url": f"{bucket}/{name}", "iat": now, "exp": now + seconds}
        token = jwt.encode(claims, self._secret, HS256)
        return JSONResponse({"signedURL": f"/object/sign/{quote(f'{bucket}/{name}')}?token={token}"})

    async def _signed(self, request: Request) -> Response:
        bucket, name = _place(request)
        try:
            claims = jwt.decode(
                request.query_params.get("token", ""),
                self._secret,
                algorithms=[HS256],
                options={"require": ["exp", "url"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise StorageError(400, "InvalidJWT", EXPIRED) from error
        except jwt.InvalidTokenError as error:
            raise StorageError(400, "InvalidJWT", UNVERIFIED) from error
        if claims["url"] != f"{bucket}/{name}":
            raise StorageError(400, "InvalidSignature", "Invalid signature")
        return self._answer(request, await self._objects.find(SERVICE, bucket, name))

    def _answer(self, request: Request, stored: Stored) -> Response:
        headers = {
            header: str(stored.metadata[name]) for name, header in SHOWN.items() if name in stored.metadata
        }
        if "download" in request.query_params:
            file = request.query_params["download"] or _place(request)[1].rpartition("/")[2]
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file)}"
        return Response(self._objects.content(stored), headers=headers)


def _serving(answer: Answer) -> Answer:
    async def serve(request: Request) -> Response:
        try:
            return await answer(request)
        except StorageError as error:
            failure = error
        except (psycopg.Error, BusyError, UnreachableError) as error:
            failure = from_database(error)
        return JSONResponse(failure.body, failure.status)

    return serve


def _place(request: Request) -> tuple[str, str]:
    return request.path_params["bucket"], request.path_params["name"]


async def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.body())
    except ValueError as error:
        raise invalid("Body cannot be read as JSON") from error
    if not isinstance(found, dict):
        raise invalid("body must be object")
    return found


def _json(text: str) -> Response:
    return Response(text, media_type="application/json; charset=utf-8")


def _settings(request: Request) -> dict[str, str]:
    return {
        "search_path": '"storage", "public", "extensions"',
        "request.method": request.method,
        "request.path": request.url.path,
        "request.headers": json.dumps(dict(request.headers)),
        # The real tables refuse deletes that don't come from Storage.
        "storage.allow_delete_query": "true",
    }


def _in_storages_words(error: RestError) -> str:
    message: str = error.body["message"]
    if message == "JWT expired":
        return EXPIRED
    return MALFORMED if message.startswith(("Expected", "Empty")) else UNVERIFIED
