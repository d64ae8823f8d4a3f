"""Requests to the deployed functions: what each route answers, and what it keeps from whom."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment

PROBLEM = "application/problem+json"
TOKEN_ROUTES = [
    ("POST", "/users", "service_role"),
    ("GET", "/users", "authenticated"),
    ("GET", "/orders", "authenticated"),
    ("POST", "/orders/1/payment", "authenticated"),
]
FORGED_SECRET = "a secret of somebody else, long enough for HS256"


def token(deployment: Deployment, user: str) -> str:
    return deployment.system.token(user)


def server_token(deployment: Deployment) -> str:
    return deployment.system.token("", role="service_role")


@pytest.mark.parametrize(("method", "path", "role"), TOKEN_ROUTES)
def should_refuse_a_request_without_a_token(
    deployment: Deployment, method: str, path: str, role: str
) -> None:
    del role
    answer = deployment.call(method, path)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize(("method", "path", "role"), TOKEN_ROUTES)
def should_refuse_a_foreign_an_expired_and_a_wrong_roles_token(
    deployment: Deployment, method: str, path: str, role: str
) -> None:
    system, subject = deployment.system, str(uuid4())
    wrong_role = "service_role" if path.endswith("payment") else "anon"
    refused = {
        "foreign": system.token(subject, role=role, secret=FORGED_SECRET),
        "expired": system.token(subject, role=role, exp=int(time.time()) - 60),
        "role": system.token(subject, role=wrong_role),
        "audience": system.token(subject, role="authenticated", aud="somebody else"),
    }
    answers = {
        name: deployment.call(method, path, token=token).status_code for name, token in refused.items()
    }
    assert answers == dict.fromkeys(refused, 403)


def should_say_that_it_is_well_without_saying_where(deployment: Deployment) -> None:
    answer = deployment.call("GET", "/health")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    for secret in (deployment.system.pooled_url, deployment.system.supabase_url, "127.0.0.1"):
        assert secret not in answer.text


def should_create_a_user_with_the_service_role(deployment: Deployment) -> None:
    email = f"{uuid4()}@example.com"
    answer = deployment.call(
        "POST", "/users", token=server_token(deployment), json={"email": email, "name": "Ada"}
    )
    assert answer.status_code == 201
    assert deployment.column("select email from public.users where id = %s", [answer.json()["id"]]) == [email]
    again = deployment.call(
        "POST", "/users", token=server_token(deployment), json={"email": email, "name": "Ada"}
    )
    assert (again.status_code, again.headers["content-type"]) == (409, PROBLEM)


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"email": "no address", "name": "Ada"}'])
def should_refuse_a_body_that_is_no_user(deployment: Deployment, body: str) -> None:
    answer = deployment.call(
        "POST",
        "/users",
        token=server_token(deployment),
        content=body,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["request_id"]


def should_show_each_user_only_herself(deployment: Deployment, user: str) -> None:
    answer = deployment.call("GET", "/users", token=token(deployment, user))
    assert [row["id"] for row in answer.json()["users"]] == [user]
    stranger = deployment.call("GET", "/users", token=token(deployment, str(uuid4())))
    assert stranger.json()["users"] == []


def should_page_through_all_users_for_a_server(deployment: Deployment, user: str) -> None:
    del user
    seen: list[str] = []
    cursor = ""
    while True:
        answer = deployment.call("GET", f"/users?limit=1{cursor}", token=server_token(deployment)).json()
        seen += [row["id"] for row in answer["users"]]
        if not answer["next_cursor"]:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert sorted(seen) == deployment.column("select id::text from public.users order by 1")


def should_show_a_user_his_orders_over_the_pooler(deployment: Deployment, user: str) -> None:
    order = deployment.order_of(user)
    deployment.order_of(str(uuid4()))
    answer = deployment.call("GET", "/orders", token=token(deployment, user))
    assert [row["id"] for row in answer.json()["orders"]] == [order]
    assert answer.json()["orders"][0]["total"] == "9.99"


def should_answer_not_modified_to_who_has_it(deployment: Deployment, user: str) -> None:
    first = deployment.call("GET", "/orders", token=token(deployment, user))
    again = deployment.call(
        "GET", "/orders", token=token(deployment, user), headers={"if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "status=unknown", "cursor=%00"])
def should_refuse_a_query_that_makes_no_sense(deployment: Deployment, user: str, query: str) -> None:
    answer = deployment.call("GET", f"/orders?{query}", token=token(deployment, user))
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
