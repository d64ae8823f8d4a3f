"""Requests to the deployed functions: what each route answers, and what it keeps from whom."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.end_to_end.deployment import PROBLEM, wait_for

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment

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
    # A function that is cold may be too slow for its own bounds.
    wait_for(lambda: deployment.call("GET", "/health").status_code == 200)
    answer = deployment.call("GET", "/health")
    assert answer.headers["cache-control"] == "no-store"
    for secret in (deployment.system.pooled_url, deployment.system.supabase_url, "127.0.0.1"):
        assert secret not in answer.text


def should_create_a_user_with_the_service_role(deployment: Deployment) -> None:
    email = f"{uuid4()}@example.com"
    answer = deployment.call(
        "POST", "/users", token=server_token(deployment), json={"email": email, "name": "Ada"}
    )
    assert (answer.status_code, answer.headers["location"]) == (201, f"/users/{answer.json()['id']}")
    assert deployment.column("select email from public.users where id = %s", [answer.json()["id"]]) == [email]
    again = deployment.call(
        "POST", "/users", token=server_token(deployment), json={"email": email, "name": "Ada"}
    )
    assert (again.status_code, again.headers["content-type"]) == (409, PROBLEM)


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[]", 422), ("{}", 422), ('{"email": "none", "name": "Ada"}', 422)],
)
def should_refuse_a_body_that_is_no_user(deployment: Deployment, body: str, status: int) -> None:
    answer = deployment.call(
        "POST",
        "/users",
        token=server_token(deployment),
        content=body,
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
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


def should_page_through_orders_of_a_status(deployment: Deployment, user: str) -> None:
    orders = [deployment.order_of(user) for _ in range(3)]
    deployment.wait_until_processed(orders)
    deployment.connection.execute("update public.orders set status = 'expired' where id = %s", [orders[1]])

    first = deployment.call("GET", "/orders?status=processed&limit=1", token=token(deployment, user)).json()
    cursor = first["next_cursor"]
    path = f"/orders?status=processed&limit=1&cursor={cursor}"
    second = deployment.call("GET", path, token=token(deployment, user)).json()

    assert [row["id"] for page in (first, second) for row in page["orders"]] == [orders[2], orders[0]]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("path", ["/orders", "/users"])
def should_answer_not_modified_to_who_has_it(deployment: Deployment, user: str, path: str) -> None:
    first = deployment.call("GET", path, token=token(deployment, user))
    assert first.headers["cache-control"].startswith("private")
    again = deployment.call(
        "GET", path, token=token(deployment, user), headers={"if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "status=unknown", "cursor=%00"])
def should_refuse_a_query_that_makes_no_sense(deployment: Deployment, user: str, query: str) -> None:
    answer = deployment.call("GET", f"/orders?{query}", token=token(deployment, user))
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
