"""Creating and listing users: what is sent to the REST API, and what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from bridge import api, cursors
from tests.unit.aws import Secret
from tests.unit.gateway import Gateway, Reply
from tests.unit.requests import authorizer, request, send
from users.handler import app

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW = {"email": "ada@example.com", "name": "Ada Lovelace"}
SERVICE = authorizer("service_role", "")


def row(number: int) -> dict[str, Any]:
    return NEW | {"id": str(UUID(int=number)), "created_at": "2026-11-24T10:00:00.123456+00:00"}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def handler(aws: None, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> api.Handler:  # noqa: ARG001
    service = Secret.create_unique({"url": gateway.url, "service_role_key": "sb_secret_a"})
    user = Secret.create_unique({"url": gateway.url, "anon_key": "sb_publishable_a"})
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_SECRET_ID", service.id)
    monkeypatch.setenv("SUPABASE_SECRET_ID", user.id)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"users_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    return api.handler(app)


def should_create_a_user_as_the_service_role(handler: api.Handler, gateway: Gateway) -> None:
    gateway.will(Reply(201, [row(7)]))
    answer = send(handler, request("POST", "/users", body=NEW, caller=SERVICE))

    assert (answer.status, answer.body) == (201, row(7) | {"created_at": "2026-11-24T10:00:00.123456Z"})
    assert answer.headers["location"] == f"/users/{UUID(int=7)}"
    assert (gateway.seen[0].method, gateway.seen[0].path, gateway.seen[0].body) == (
        "POST",
        "/rest/v1/users",
        [NEW],
    )
    assert gateway.seen[0].headers["apikey"] == "sb_secret_a"


def should_refuse_an_address_that_is_taken(handler: api.Handler, gateway: Gateway) -> None:
    details = "Key (email)=(ada@example.com) already exists."
    gateway.will(Reply(409, {"code": "23505", "message": "duplicate key", "details": details}))
    answer = send(handler, request("POST", "/users", body=NEW, caller=SERVICE))

    assert (answer.status, answer.body["title"]) == (409, "The e-mail address is taken")
    assert "ada@" not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "ada"},
        {"email": "ada@example"},
        {"email": "ada@example.com\n"},
        {"email": "a" * 65 + "@example.com"},
        {"email": f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.com"},
        {"email": None},
        {"name": ""},
        {"name": " "},
        {"name": "a\0b"},
        {"name": "a\nb"},
        {"name": "a" * 201},
        {"id": str(uuid4())},
    ],
)
def should_refuse_what_is_no_user(handler: api.Handler, gateway: Gateway, wrong: dict[str, Any]) -> None:
    answer = send(handler, request("POST", "/users", body=NEW | wrong, caller=SERVICE))

    assert answer.status == 422
    assert [error["pointer"] for error in answer.body["errors"]] == [f"/{name}" for name in wrong]
    assert gateway.seen == []


@pytest.mark.parametrize(
    "right", [{"name": "a"}, {"name": "Ægir ß 山"}, {"name": "O'Neil \\\" %s"}, {"email": "a+b@x.co.uk"}]
)
def should_take_what_people_are_called(handler: api.Handler, gateway: Gateway, right: dict[str, Any]) -> None:
    gateway.will(Reply(201, [row(7)]))

    assert send(handler, request("POST", "/users", body=NEW | right, caller=SERVICE)).status == 201
    assert gateway.seen[0].body == [NEW | right]


def should_not_create_a_user_twice_when_the_answer_is_lost(handler: api.Handler, gateway: Gateway) -> None:
    gateway.will(Reply(hang_up=True))
    answer = send(handler, request("POST", "/users", body=NEW, caller=SERVICE))

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert len(gateway.seen) == 1


def should_list_users_page_by_page(handler: api.Handler, gateway: Gateway) -> None:
    gateway.will(Reply(body=[row(1), row(2), row(3)]), Reply(body=[row(3)]))
    first = send(handler, request("GET", "/users", query={"limit": 2}, caller=SERVICE))
    cursor = first.body["next_cursor"]
    last = send(handler, request("GET", "/users", query={"limit": 2, "cursor": cursor}, caller=SERVICE))

    assert [user["id"] for user in first.body["users"]] == [str(UUID(int=1)), str(UUID(int=2))]
    assert (len(last.body["users"]), last.body["next_cursor"]) == (1, None)
    asked = [dict(seen.query) for seen in gateway.seen]
    assert asked[0] == {"select": "id,email,name,created_at", "order": "id.asc", "limit": "3"}
    assert asked[1]["id"] == f"gt.{UUID(int=2)}"


def should_ask_with_the_callers_own_token(handler: api.Handler, gateway: Gateway) -> None:
    send(handler, request("GET", "/users", caller=authorizer(), token="a.b.c"))

    assert gateway.seen[0].headers["authorization"] == "Bearer a.b.c"
    assert gateway.seen[0].headers["apikey"] == "sb_publishable_a"


def should_see_everyone_as_the_service_role(handler: api.Handler, gateway: Gateway) -> None:
    send(handler, request("GET", "/users", caller=SERVICE, token="a.b.c"))

    assert gateway.seen[0].headers["apikey"] == "sb_secret_a"
    assert "authorization" not in gateway.seen[0].headers


@pytest.mark.parametrize(
    "cursor", ["", "x", "a" * 23, "0;drop table users;---", "id.gt.0,or=(id.gt.0)..", "ö" * 22]
)
def should_refuse_a_cursor_that_it_never_gave(handler: api.Handler, gateway: Gateway, cursor: str) -> None:
    answer = send(handler, request("GET", "/users", query={"cursor": cursor}, caller=SERVICE))

    assert answer.status == 422
    assert gateway.seen == []


def should_turn_any_text_of_a_cursors_form_into_a_key(handler: api.Handler, gateway: Gateway) -> None:
    send(handler, request("GET", "/users", query={"cursor": "_" * 22}, caller=SERVICE))

    assert dict(gateway.seen[0].query)["id"] == f"gt.{cursors.to_uuid('_' * 22)}"


def should_answer_304_while_nothing_has_changed(handler: api.Handler, gateway: Gateway) -> None:
    gateway.will(Reply(body=[row(1)]), Reply(body=[row(1)]))
    first = send(handler, request("GET", "/users", caller=SERVICE))
    etag = {"If-None-Match": first.headers["etag"]}

    assert first.headers["cache-control"] == "private, max-age=10"
    assert send(handler, request("GET", "/users", caller=SERVICE, headers=etag)).status == 304


def should_refuse_a_token_that_the_rest_api_refuses(handler: api.Handler, gateway: Gateway) -> None:
    gateway.will(Reply(401, {"code": "PGRST303", "message": "JWT expired"}))

    assert send(handler, request("GET", "/users", caller=authorizer())).status == 401
