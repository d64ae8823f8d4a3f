"""The gateway: who gets through, and with which token, as the Envoy of self-hosted Supabase decides."""

from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tools.local.supabase_api.keys import Keys

REST = "/rest/v1/"
STORAGE = "/storage/v1/"
KNOWN = (REST, STORAGE, "/auth/v1/")
OPEN = ("/auth/v1/.well-known/jwks.json",)
BEARER = "Bearer "
OPAQUE = "sb_"


class Gateway:
    """Middleware that checks the `apikey` and writes the `Authorization` that the services see.

    Storage isn't guarded: it verifies the token itself, and shows public objects to everyone.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys) -> None:
        self._app = app
        self._keys = keys
        self._service = {keys.service_role_key, keys.secret_key} - {""}
        self._known = self._service | {keys.anon_key, keys.publishable_key} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = _api_key(scope)
        refusal = self._refusal(scope["path"], key)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        if key and not _has_token(headers):
            headers["authorization"] = BEARER + (self._keys.behind(key) or key)
        await self._app(scope, receive, send)

    def _refusal(self, path: str, key: str) -> Response | None:
        if not path.startswith(KNOWN):
            # Studio and what else runs behind the real gateway.
            return PlainTextResponse("Not Found", 404)
        if path.startswith(STORAGE) or path in OPEN:
            return None
        if key not in self._known:
            return PlainTextResponse("Unauthorized", 401)
        if path == REST and key not in self._service:
            return PlainTextResponse("RBAC: access denied", 403)
        return None


def _api_key(scope: Scope) -> str:
    header = Headers(scope=scope).get("apikey")
    if header is not None:
        return header
    query = parse_qsl(scope["query_string"].decode("latin-1"))
    return next((value for name, value in query if name == "apikey"), "")


def _has_token(headers: Headers) -> bool:
    authorization = headers.get("authorization", "")
    return authorization.startswith(BEARER) and not authorization.startswith(BEARER + OPAQUE)
