"""The REST client and the users function on real rows, through the gateway that stands in for Supabase's."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from bridge import api
from bridge.errors import (
    SupabaseConflictError,
    SupabaseError,
    SupabaseForbiddenError,
    SupabaseKeyError,
    SupabaseUnauthorizedError,
)
from bridge.supabase import Supabase, eq, gt, is_in, is_null, like
from examples.shop.demo.shop import SCHEMA
from tests.unit.aws import Secret
from tests.unit.requests import authorizer, request, send
from tools.local.directories import RunDirectory
from tools.local.supabase_api.part import SupabaseApi
from users.handler import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

ADA, BOB = str(UUID(int=1)), str(UUID(int=2))


@dataclass(frozen=True)
class Shop:
    """A Supabase with the demo's tables and two users, of whom Ada has an order."""

    part: SupabaseApi
    service_secret: Secret
    user_secret: Secret

    def token(self, subject: str, **claims: object) -> str:
        part = self.part
        return part.keys.token(subject, issuer=f"{part.url}/auth/v1", **claims)  # type: ignore[arg-type]


@pytest.fixture
def shop(aws: None, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:  # noqa: ARG001
    database.execute(SCHEMA.read_bytes())
    database.execute("insert into public.users (id, email, name) values (%s, 'ada@a.com', 'Ada')", [ADA])
    database.execute("insert into public.users (id, email, name) values (%s, 'bob@b.com', 'Bob')", [BOB])
    database.execute("insert into public.orders (user_id, total) values (%s, 9.99)", [ADA])
    directory = RunDirectory()
    with SupabaseApi(database.url, run_directory=directory, log=directory.path / "api.log") as part:
        keys = part.keys
        service = Secret.create_unique({"url": part.url, "service_role_key": keys.secret_key})
        user = Secret.create_unique({"url": part.url, "anon_key": keys.publishable_key})
        monkeypatch.setenv("SUPABASE_SERVICE_ROLE_SECRET_ID", service.id)
        monkeypatch.setenv("SUPABASE_SECRET_ID", user.id)
        yield Shop(part, service, user)
    directory.remove()


def names(rows: list[dict[str, object]]) -> list[object]:
    return [row["name"] for row in rows]


def should_let_row_level_security_decide(shop: Shop) -> None:
    ada = Supabase.as_user(shop.token(ADA))

    assert names(ada.select("users")) == ["Ada"]
    assert ada.select("orders", columns="total") == [{"total": Decimal("9.99")}]
    assert Supabase.as_user(shop.token(BOB)).select("orders") == []
    assert Supabase.anonymous().select("users") == []
    assert names(Supabase.service_role().select("users", order="name.desc")) == ["Bob", "Ada"]
    with pytest.raises(SupabaseForbiddenError, match="42501"):
        ada.insert("orders", [{"user_id": ADA, "total": 1}])


@pytest.mark.parametrize("kind", ["older", "newer"])
def should_take_both_kinds_of_keys(shop: Shop, kind: str) -> None:
    keys, url = shop.part.keys, shop.part.url
    older = kind == "older"
    shop.service_secret.put(
        {"url": url, "service_role_key": keys.service_role_key if older else keys.secret_key}
    )
    shop.user_secret.put({"url": url, "anon_key": keys.anon_key if older else keys.publishable_key})

    assert len(Supabase.service_role().select("users")) == 2
    assert len(Supabase.as_user(shop.token(ADA)).select("users")) == 1


def should_refuse_whom_it_does_not_know(shop: Shop) -> None:
    for token in (shop.token(ADA, exp=1), shop.token(ADA, secret="x" * 40), "a.b.c"):
        with pytest.raises(SupabaseUnauthorizedError, match="PGRST30"):
            Supabase.as_user(token).select("users")
    shop.service_secret.put({"url": shop.part.url, "service_role_key": "sb_secret_wrong"})
    with pytest.raises(SupabaseKeyError):
        Supabase.service_role().select("users")


def should_write_and_read_what_it_wrote(shop: Shop) -> None:  # noqa: ARG001
    users = Supabase.service_role()
    name = 'O"Neil, (x) \\ & 100% ä'
    [made] = users.insert("users", [{"email": "o@o.com", "name": name}])

    assert users.single("users", where=[eq("name", name)]) == made
    assert users.select("users", where=[is_in("name", [name, "nobody"])]) == [made]
    assert users.select("users", where=[gt("id", ADA), like("email", "%@b.com")], columns="name") == [
        {"name": "Bob"}
    ]
    assert users.select("orders", where=[is_null("processed_at")], columns="id", limit=1) == [{"id": 1}]
    with pytest.raises(SupabaseConflictError, match="23505"):
        users.insert("users", [{"email": "o@o.com", "name": "x"}])
    [changed] = users.upsert("users", [{"email": "o@o.com", "name": "x"}], on_conflict="email")
    assert changed["id"] == made["id"]
    assert names(users.update("users", {"name": "y"}, where=[eq("id", made["id"])])) == ["y"]
    assert names(users.delete("users", where=[eq("id", made["id"])])) == ["y"]
    assert users.single("users", where=[eq("id", made["id"])]) is None


def should_name_what_does_not_exist(shop: Shop) -> None:  # noqa: ARG001
    with pytest.raises(SupabaseError, match="404 PGRST205"):
        Supabase.service_role().select("nothing")


def should_serve_users(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"users_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    handler = api.handler(app)
    service = authorizer("service_role", "")
    new = {"email": "eve@e.com", "name": "Eve"}

    created = send(handler, request("POST", "/users", body=new, caller=service))
    assert created.status == 201
    assert send(handler, request("POST", "/users", body=new, caller=service)).status == 409
    first = send(handler, request("GET", "/users", query={"limit": 2}, caller=service))
    cursor = first.body["next_cursor"]
    last = send(handler, request("GET", "/users", query={"cursor": cursor}, caller=service))
    assert names(first.body["users"] + last.body["users"]) == ["Ada", "Bob", "Eve"]
    mine = send(handler, request("GET", "/users", caller=authorizer(subject=ADA), token=shop.token(ADA)))
    assert names(mine.body["users"]) == ["Ada"]
    expired = request("GET", "/users", caller=authorizer(), token=shop.token(ADA, exp=1))
    assert send(handler, expired).status == 401
