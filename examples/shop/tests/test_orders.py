"""Listing orders as the caller, straight from Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from bridge import api, cursors
from examples.shop.demo.shop import SCHEMA
from orders.handler import app
from orders.handler import database as connection
from tests.unit.requests import authorizer, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database
    from tests.unit.aws import Secret

ADA, BOB = str(uuid4()), str(uuid4())


@pytest.fixture
def handler(
    database: Database, database_secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> Iterator[api.Handler]:
    database.execute(SCHEMA.read_bytes())
    database.execute(
        "insert into public.orders (user_id, items, total, status) values"
        " (%(ada)s, '[{\"price\": 0.10}]', 19.90, 'pending'), (%(bob)s, '[]', 1, 'pending'),"
        " (%(ada)s, '[]', 9999999999.99, 'paid'), (%(ada)s, '[]', 0, 'pending')".replace(
            "%(ada)s", f"'{ADA}'"
        )
        .replace("%(bob)s", f"'{BOB}'")
        .encode()
    )
    monkeypatch.setenv("DATABASE_SECRET_ID", database_secret.id)
    monkeypatch.setenv("DATABASE_TLS", "disable")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"orders_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    yield api.handler(app)
    connection.close()


def ask(handler: api.Handler, *, user: str = ADA, role: str = "authenticated", **query: Any) -> Any:
    return send(handler, request("GET", "/orders", query=query, caller=authorizer(role, user)))


def ids(answer: Any) -> list[int]:
    return [order["id"] for order in answer.body["orders"]]


def should_list_the_callers_own_orders_the_newest_first(handler: api.Handler) -> None:
    assert ids(ask(handler)) == [4, 3, 1]
    assert ids(ask(handler, user=BOB)) == [2]
    assert ids(ask(handler, user=str(uuid4()))) == []


def should_list_everyones_orders_for_the_service_role(handler: api.Handler) -> None:
    assert ids(ask(handler, role="service_role")) == [4, 3, 2, 1]


def should_list_orders_of_one_status(handler: api.Handler) -> None:
    assert ids(ask(handler, status="pending")) == [4, 1]
    assert ids(ask(handler, status="expired")) == []


def should_answer_amounts_exactly(handler: api.Handler) -> None:
    orders = {order["id"]: order for order in ask(handler).body["orders"]}

    assert [orders[1]["total"], orders[3]["total"], orders[4]["total"]] == ["19.90", "9999999999.99", "0.00"]
    assert orders[1]["items"] == [{"price": "0.10"}]
    assert (orders[1]["currency"], orders[1]["payment_due_at"]) == ("eur", None)


def should_list_orders_page_by_page(handler: api.Handler) -> None:
    first = ask(handler, limit=2)
    last = ask(handler, limit=2, cursor=first.body["next_cursor"])

    assert (ids(first), ids(last), last.body["next_cursor"]) == ([4, 3], [1], None)
    assert ids(ask(handler, limit=1, cursor=cursors.of_int64(4), status="pending")) == [1]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "open"},
        {"status": ""},
        {"limit": 0},
        {"limit": 101},
        {"cursor": "1"},
        {"cursor": "0 or 1=1;--"},
        {"cursor": "' or 1=1 --"},
    ],
)
def should_refuse_what_it_does_not_know(handler: api.Handler, query: dict[str, Any]) -> None:
    assert ask(handler, **query).status == 422


@pytest.mark.parametrize("cursor", ["_" * 11, "A" * 11, "-" * 11, cursors.of_int64(-(2**63))])
def should_take_any_text_of_a_cursors_form(handler: api.Handler, cursor: str) -> None:
    assert ask(handler, cursor=cursor).status == 200


def should_answer_304_until_an_order_changes(handler: api.Handler, database: Database) -> None:
    etag = {"If-None-Match": ask(handler).headers["etag"]}
    event = request("GET", "/orders", headers=etag, caller=authorizer("authenticated", ADA))

    assert send(handler, event).status == 304
    database.execute("update public.orders set status = 'processed' where id = 1")
    assert send(handler, event).status == 200


def should_not_confuse_two_callers(handler: api.Handler) -> None:
    etag = {"If-None-Match": ask(handler).headers["etag"]}

    event = request("GET", "/orders", headers=etag, caller=authorizer("authenticated", BOB))
    assert send(handler, event).status == 200


def should_refuse_a_role_without_rights(handler: api.Handler, database: Database) -> None:
    database.execute("revoke select on public.orders from authenticated")

    assert ask(handler).status == 403
    assert ask(handler, role="postgres").status == 403


def should_connect_again_after_a_drop(handler: api.Handler, database: Database) -> None:
    ask(handler)
    database.execute_as_admin(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        f" where datname = '{database.name}' and application_name like 'orders%'"
    )

    assert ask(handler).status == 200


def should_answer_503_while_the_database_is_away(
    handler: api.Handler, database: Database, database_secret: Secret
) -> None:
    connection.close()
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})
    answer = ask(handler)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "127.0.0.1" not in answer.text
    database_secret.put({"database_url": database.url})
    assert ask(handler).status == 200


def should_answer_503_when_the_database_takes_too_long(
    handler: api.Handler, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.handler.TIMEOUT_MS", 100)
    with database.connect() as other, other.transaction():
        other.execute("lock table public.orders")

        assert ask(handler).status == 503
