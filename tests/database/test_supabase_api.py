"""Who gets through the gateway, as whom PostgREST acts, and what it answers when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.supabase_api import ADA, BOB, Supabase, problem, running
from tools.local.directories import RunDirectory
from tools.local.supabase_api.part import SupabaseApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server


@pytest.fixture(scope="module")
def running_supabase(server: Server, supabase_template: str) -> Iterator[Supabase]:
    with running(server, supabase_template) as supabase:
        supabase.database.execute(
            "create function public.whoami() returns json language sql as"
            " $$ select json_build_object('role', current_user, 'uid', auth.uid(), 'jwt', auth.jwt()) $$;"
            "create function public.slow() returns void language sql as $$ select pg_sleep(30) $$;"
            "create function public.teapot() returns void language plpgsql as"
            " $$ begin raise exception sqlstate 'PT418' using message = 'short and stout'; end $$;"
            "create table public.shipments (order_id bigint references public.orders);"
            "create view public.misers with (security_invoker) as select * from public.orders where total < 1"
        )
        name = sql.Identifier(supabase.database.info.dbname)
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            # Supabase's is 8 seconds.
            admin.execute(
                sql.SQL("alter role authenticator in database {} set statement_timeout = '2s'").format(name)
            )
        yield supabase


@pytest.fixture
def supabase(running_supabase: Supabase) -> Supabase:
    running_supabase.database.execute("truncate public.users, public.orders cascade")
    running_supabase.database.execute(
        "insert into public.users (id, email, name) values (%s, 'ada@x', 'Ada'), (%s, 'bob@x', 'Bob')",
        [ADA, BOB],
    )
    return running_supabase


def whoami(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("key", [None, "wrong", "sb_secret_wrong", "sb_publishable_"])
def should_let_nobody_through_without_a_key_of_this_run(supabase: Supabase, key: str | None) -> None:
    answer = supabase.rest("GET", "users", key=key, token=supabase.token())
    assert (answer.status_code, answer.text) == (401, "Unauthorized")


def should_take_the_key_from_the_query_as_well(supabase: Supabase) -> None:
    answer = supabase.rest("GET", f"users?apikey={supabase.api.keys.service_role_key}", key=None)
    assert len(answer.json()) == 2


def should_show_the_description_to_the_service_role_alone(supabase: Supabase) -> None:
    assert supabase.service("GET", "").json()["paths"].keys() >= {"/users", "/orders", "/shipments"}
    assert supabase.rest("GET", "").status_code == 403
    assert supabase.rest("GET", "", key=None).status_code == 401


def should_show_the_public_key_to_everyone_and_never_the_private_one(supabase: Supabase) -> None:
    answer = supabase.call("GET", "/auth/v1/.well-known/jwks.json", key=None)
    [key] = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    assert "d" not in key


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("anon_key", "anon"),
        ("publishable_key", "anon"),
        ("service_role_key", "service_role"),
        ("secret_key", "service_role"),
    ],
)
def should_act_as_the_role_of_either_kind_of_key(supabase: Supabase, name: str, role: str) -> None:
    key = getattr(supabase.api.keys, name)
    assert whoami(supabase.rest("POST", "rpc/whoami", key=key))["role"] == role
    # supabase-js sends the key as a token too.
    assert whoami(supabase.rest("POST", "rpc/whoami", key=key, token=key))["role"] == role


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
@pytest.mark.parametrize("name", ["anon_key", "service_role_key", "secret_key"])
def should_act_as_the_users_token_says_whatever_the_key(
    supabase: Supabase, name: str, algorithm: str
) -> None:
    token = supabase.token(ADA, algorithm=algorithm, app_metadata={"plan": "free"})
    me = whoami(supabase.rest("POST", "rpc/whoami", key=getattr(supabase.api.keys, name), token=token))
    assert (me["role"], me["uid"]) == ("authenticated", ADA)
    assert me["jwt"]["app_metadata"] == {"plan": "free"}


def should_act_as_anon_for_a_token_without_a_role(supabase: Supabase) -> None:
    me = whoami(supabase.rest("POST", "rpc/whoami", token=supabase.token(role="", sub=None)))
    assert (me["role"], me["uid"]) == ("anon", None)


def should_keep_users_apart(supabase: Supabase) -> None:
    for user in (ADA, BOB):
        seen = supabase.rest("GET", "users?select=id", token=supabase.token(user)).json()
        assert seen == [{"id": user}]
    assert supabase.rest("GET", "users").json() == []
    assert len(supabase.service("GET", "users").json()) == 2


def should_refuse_a_users_write_that_no_policy_allows(supabase: Supabase) -> None:
    row = {"user_id": ADA, "total": 1}
    assert problem(supabase.rest("POST", "orders", json=row, token=supabase.token())) == (403, "42501")
    assert problem(supabase.rest("POST", "orders", json=row)) == (401, "42501")
    changed = supabase.rest(
        "PATCH",
        f"users?id=eq.{BOB}",
        json={"name": "Eve"},
        token=supabase.token(),
        headers={"Prefer": "return=representation"},
    )
    assert (changed.status_code, changed.json()) == (200, [])


def should_leave_nothing_of_a_caller_to_the_next(supabase: Supabase) -> None:
    for _ in range(15):
        whoami(supabase.rest("POST", "rpc/whoami", token=supabase.token(ADA)))
        me = whoami(supabase.rest("POST", "rpc/whoami"))
        assert (me["role"], me["uid"]) == ("anon", None)


def should_name_what_is_alike_for_an_unknown_table_or_function(supabase: Supabase) -> None:
    table = supabase.service("GET", "user")
    assert problem(table) == (404, "PGRST205")
    assert table.json()["hint"] == "Perhaps you meant the table 'public.users'"
    function = supabase.service("POST", "rpc/whoam")
    assert problem(function) == (404, "PGRST202")
    assert function.json()["hint"] == "Perhaps you meant to call the function public.whoami"
    assert problem(supabase.service("GET", "a/b")) == (404, "PGRST125")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "users", {"email": "ada@x", "name": "Eve"}, (409, "23505")),
        ("POST", "shipments", {"order_id": 404}, (409, "23503")),
        ("POST", "users", {"name": "Eve"}, (400, "23502")),
        ("POST", "orders", {"total": 1, "status": "lost"}, (400, "23514")),
        ("POST", "users", {"id": "no uuid", "email": "e", "name": "e"}, (400, "22P02")),
        ("POST", "users", {"nickname": "e"}, (400, "PGRST204")),
        ("POST", "users", [{"name": "e"}, {"email": "e"}], (400, "PGRST102")),
        ("POST", "users", "text", (400, "PGRST102")),
        ("PATCH", f"users?id=eq.{ADA}", [{"name": "e"}], (400, "PGRST102")),
        ("POST", "misers", {"total": "a"}, (400, "22P02")),
        ("GET", "users?nickname=eq.e", None, (400, "42703")),
        ("GET", "users?select=nickname", None, (400, "42703")),
        ("GET", "users?id=eq.no-uuid", None, (400, "22P02")),
        ("GET", "users?id=is.maybe", None, (400, "PGRST100")),
        ("GET", "users?id=like.a", None, (404, "42883")),
        ("GET", "users?name=eq.%00", None, (400, "22021")),
        ("GET", "users?limit=-1", None, (416, "PGRST103")),
        ("GET", "users?orders.id=eq.1", None, (400, "PGRST108")),
        ("GET", "users?select=*,orders(*)", None, (400, "PGRST127")),
        ("PUT", "users", {}, (405, "PGRST117")),
        ("GET", "rpc/whoami", None, (405, "PGRST101")),
        ("POST", "rpc/teapot", None, (418, "PT418")),
    ],
)
def should_say_what_is_wrong_as_postgrest_does(
    supabase: Supabase, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    content = {} if body is None else {"json": body}
    assert problem(supabase.service(method, path, **content)) == expected


def should_refuse_what_it_does_not_expose_or_produce(supabase: Supabase) -> None:
    headers = [{"Accept-Profile": "storage"}, {"Accept": "text/html"}]
    answers = [problem(supabase.service("GET", "users", headers=header)) for header in headers]
    assert answers == [(406, "PGRST106"), (406, "PGRST107")]


def should_refuse_to_change_everything(supabase: Supabase) -> None:
    changed = supabase.service("PATCH", "users", json={"name": "Eve"})
    removed = supabase.service("DELETE", "users")
    assert [problem(changed), problem(removed)] == [(400, "21000"), (400, "21000")]
    assert changed.json()["message"] == "UPDATE requires a WHERE clause"
    assert removed.json()["message"] == "DELETE requires a WHERE clause"


def should_give_up_a_statement_that_takes_too_long(supabase: Supabase) -> None:
    assert problem(supabase.service("POST", "rpc/slow")) == (500, "57014")


def should_say_that_the_database_is_down() -> None:
    directory = RunDirectory()
    url = "postgresql://authenticator:hidden@127.0.0.1:1/postgres"
    with SupabaseApi(url, run_directory=directory, log=directory.path / "log") as api:
        keys = {"apikey": api.keys.anon_key}
        answer = httpx.get(f"{api.url}/rest/v1/users", headers=keys, trust_env=False)
        assert problem(answer) == (503, "PGRST000")
    directory.remove()


def should_recover_from_connections_that_the_server_ended(supabase: Supabase) -> None:
    supabase.service("GET", "users")
    supabase.database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = 'postgrest'"
    )
    seen = {supabase.service("GET", "users").status_code for _ in range(3)}
    assert 503 in seen
    assert supabase.service("GET", "users").status_code == 200
