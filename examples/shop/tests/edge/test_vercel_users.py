"""GET /api/users on Vercel: over Supabase's REST API, and kept by Vercel's CDN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.shop.tests.edge.vercel_shop import ADA, BOB, Served
from tests import supabase_api
from tests.unit.gateway import Gateway, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server
    from tests.supabase_api import Supabase

pytestmark = pytest.mark.xdist_group("vercel_users")

KEPT_BY_THE_CDN = "s-maxage=60, stale-while-revalidate=600"


@pytest.fixture(scope="module")
def supabase(server: Server, bridge_template: str) -> Iterator[Supabase]:
    with supabase_api.running(server, bridge_template) as supabase:
        supabase.database.execute(
            "insert into public.users (id, email, name) values (%s, 'ada@example.com', 'Ada Lovelace'),"
            " (%s, 'bob@example.com', 'Bob')",
            [ADA, BOB],
        )
        yield supabase


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def served(variables: dict[str, str]) -> Iterator[Served]:
    with Served(variables) as served:
        yield served


@pytest.fixture(autouse=True)
def environment(variables: dict[str, str], supabase: Supabase) -> dict[str, str]:
    """The project's variables, which a test may change for itself."""
    variables["SUPABASE_URL"] = f"{supabase.api.url}/"
    variables["SUPABASE_ANON_KEY"] = supabase.api.keys.anon_key
    return variables


@pytest.fixture
def gateway(environment: dict[str, str]) -> Iterator[Gateway]:
    with Gateway() as gateway:
        environment["SUPABASE_URL"] = gateway.url
        yield gateway


def should_list_what_anyone_may_see(served: Served) -> None:
    answer = served.client.get("/api/users")

    assert answer.status_code == 200
    assert [(user["id"], user["name"]) for user in answer.json()["users"]] == [
        (ADA, "Ada Lovelace"),
        (BOB, "Bob"),
    ]
    assert {*answer.json()["users"][0]} == {"id", "name", "created_at"}
    assert answer.headers["vercel-cdn-cache-control"] == KEPT_BY_THE_CDN
    assert answer.headers["cache-control"] == "public, max-age=60"


def should_list_no_more_than_asked_for(served: Served) -> None:
    assert [user["id"] for user in served.client.get("/api/users?limit=1").json()["users"]] == [ADA]


def should_take_a_publishable_key(served: Served, environment: dict[str, str], supabase: Supabase) -> None:
    environment["SUPABASE_ANON_KEY"] = supabase.api.keys.publishable_key
    assert len(served.client.get("/api/users").json()["users"]) == 2


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=020", "limit=%32", "limit=1&limit=1", "limit=1&", "&limit=1", "limit",
     "limit=-1", "limit=1.0", "offset=1", "limit=1&x=1", "x", "LIMIT=1"],
)  # fmt: skip
def should_refuse_any_other_spelling_and_let_nobody_keep_it(served: Served, query: str) -> None:
    answer = served.client.get(f"/api/users?{query}")
    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"
    assert "vercel-cdn-cache-control" not in answer.headers


@pytest.mark.parametrize("path", ["/api/%75sers", "/api/users/", "/api//users"])
def should_not_be_found_under_another_path(served: Served, path: str) -> None:
    answer = served.client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})
    assert answer.headers["cache-control"] == "no-store"


def should_ask_for_a_client_once_and_over_one_connection(served: Served, gateway: Gateway) -> None:
    for _ in range(3):
        assert served.client.get("/api/users").status_code == 200
    [address] = {seen.headers["host"] for seen in gateway.seen}
    assert address in gateway.url
    assert {seen.headers["connection"] for seen in gateway.seen} == {"keep-alive"}
    assert served.app.state.instance.http is served.app.state.instance.http


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(500, {"message": "secret row"}), 502),
        (Reply(404, {"message": "secret row"}), 502),
        (Reply(200, b"<html>"), 502),
        (Reply(401, {"message": "secret row"}), 503),
        (Reply(403, {"message": "secret row"}), 503),
    ],
)
def should_let_nobody_keep_a_failure(served: Served, gateway: Gateway, reply: Reply, status: int) -> None:
    gateway.will(reply)

    answer = served.client.get("/api/users")

    assert (answer.status_code, "retry-after" in answer.headers) == (status, True)
    assert (answer.headers["cache-control"], "secret row" in answer.text) == ("no-store", False)
    assert "vercel-cdn-cache-control" not in answer.headers
    assert served.client.get("/api/users").status_code == 200


def should_try_again_when_the_connection_that_was_kept_is_lost(served: Served, gateway: Gateway) -> None:
    assert served.client.get("/api/users").status_code == 200
    gateway.will(Reply(hang_up=True))
    assert served.client.get("/api/users").status_code == 200


def should_say_that_supabase_does_not_answer(
    served: Served, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vercel_app.users.SECONDS", 0.2)
    gateway.will(Reply(delay=0.5))
    answer = served.client.get("/api/users")
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "5")


def should_say_that_supabase_is_out_of_reach(served: Served, environment: dict[str, str]) -> None:
    environment["SUPABASE_URL"] = "http://127.0.0.1:1"
    answer = served.client.get("/api/users")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"error": "Supabase is out of reach"}


@pytest.mark.parametrize("name", ["SUPABASE_URL", "SUPABASE_ANON_KEY"])
def should_say_which_variable_is_not_set(served: Served, environment: dict[str, str], name: str) -> None:
    del environment[name]
    answer = served.client.get("/api/users")
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": f"the environment variable {name} is not set"},
    )
