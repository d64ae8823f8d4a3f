"""The stand-in for Supabase's API on a database of its own, and who calls it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
from psycopg import sql

from tools.local.directories import RunDirectory
from tools.local.supabase_api.part import SupabaseApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

SCHEMA = Path(__file__).parents[1] / "examples" / "shop" / "schema.sql"
ADA = "aaaaaaaa-0000-4000-8000-000000000001"
BOB = "bbbbbbbb-0000-4000-8000-000000000002"


@dataclass
class Supabase:
    """The running API, and its database as the deploying role, with autocommit on."""

    api: SupabaseApi
    database: psycopg.Connection[Any]
    client: httpx.Client

    def token(self, subject: str = ADA, role: str = "authenticated", **options: Any) -> str:
        return self.api.keys.token(subject, role, **{"issuer": f"{self.api.url}/auth/v1"} | options)

    def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "",
        token: str = "",
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Send a request; `key` "": the anon key, None: none."""
        sent = dict(headers or {})
        if key is not None:
            sent["apikey"] = key or self.api.keys.anon_key
        if token:
            sent["authorization"] = f"Bearer {token}"
        return self.client.request(method, f"{self.api.url}{path}", headers=sent, **content)

    def rest(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.call(method, f"/rest/v1/{path}", **options)

    def service(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the REST API with the service role key."""
        return self.rest(method, path, key=self.api.keys.service_role_key, **options)

    def storage(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.call(method, f"/storage/v1/{path}", **options)


@contextmanager
def running(server: Server, template: str) -> Iterator[Supabase]:
    """Give the API on a clone of the template, with the demo's tables."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server.admin_url(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner postgres").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    directory = RunDirectory()
    api = SupabaseApi(server.url(name, "authenticator"), run_directory=directory, log=directory.path / "log")
    try:
        with (
            api,
            psycopg.connect(server.url(name), autocommit=True) as database,
            httpx.Client(trust_env=False) as client,
        ):
            database.execute(SCHEMA.read_bytes())
            yield Supabase(api, database, client)
    finally:
        directory.remove()
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def problem(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of an error, which has the members of PostgREST's and no others."""
    body = answer.json()
    assert set(body) == {"code", "details", "hint", "message"}
    return answer.status_code, body["code"]
