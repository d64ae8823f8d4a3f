"""Cloudflare's API for the secrets of Workers.

https://developers.cloudflare.com/api/resources/workers/subresources/scripts/subresources/secrets/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.gateway import Reply

if TYPE_CHECKING:
    from tests.unit.gateway import Seen

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "cloudflare-token-0123456789"
_PATH = re.compile(r"/client/v4/accounts/(?P<account>[^/]+)/workers/scripts/(?P<script>[^/]+)/(?P<last>.+)")


@dataclass
class WorkerScript:
    """A deployed Worker: its secrets, its plain variables, and how many versions it has."""

    secrets: dict[str, str] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    versions: int = 1
    newest_is_deployed: bool = True


class CloudflareApi:
    """One account's Workers by name."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.workers: dict[str, WorkerScript] = {}

    def answer(self, request: Seen) -> Reply:
        parts = _PATH.fullmatch(request.path)
        refusal = self._unauthorized(request.headers.get("authorization", "")) or self._missing(parts)
        if refusal or parts is None:
            return refusal or failed(404, 7000, "No route for that URI")
        worker = self.workers[parts["script"]]
        match request.method, parts["last"]:
            case "GET", "secrets":
                return succeeded([{"name": name, "type": "secret_text"} for name in worker.secrets])
            case "PATCH", "secrets-bulk":
                return self._patched(worker, request.body["secrets"])
            case _:
                return failed(405, 10405, "Method not allowed for this authentication scheme")

    def _unauthorized(self, authorization: str) -> Reply | None:
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not re.fullmatch(r"[A-Za-z0-9_-]{20,}", token):
            return failed(400, 6003, "Invalid request headers")
        return None if token == self.token else failed(401, 10000, "Authentication error")

    def _missing(self, parts: re.Match[str] | None) -> Reply | None:
        if parts is None or len(parts["account"]) != len(ACCOUNT):
            return failed(404, 7003, "Could not route, perhaps your object identifier is invalid?")
        if parts["account"] != ACCOUNT:
            return failed(403, 10000, "Authentication error")
        if parts["script"] not in self.workers:
            return failed(404, 10007, "This Worker does not exist on your account.")
        return None

    def _patched(self, worker: WorkerScript, changes: dict[str, Any]) -> Reply:
        if not worker.newest_is_deployed:
            return failed(400, 10215, "Latest version of your Worker isn't currently deployed.")
        for name, secret in changes.items():
            if secret is None and name not in worker.secrets:
                return failed(404, 10056, f"Binding '{name}' not found.")
            if secret is not None and (name in worker.variables or secret["name"] != name):
                return failed(400, 10053, f"Binding name '{name}' already in use.")
        for name, secret in changes.items():
            if secret is None:
                del worker.secrets[name]
            else:
                worker.secrets[name] = secret["text"]
        worker.versions += 1
        return succeeded({name: {"name": name, "type": "secret_text"} for name in worker.secrets})


def succeeded(result: Any) -> Reply:
    return Reply(200, {"success": True, "errors": [], "messages": [], "result": result}, _JSON)


def failed(status: int, code: int, message: str, **headers: str) -> Reply:
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    return Reply(status, body, _JSON | {name.replace("_", "-"): value for name, value in headers.items()})


_JSON = {"Content-Type": "application/json"}
