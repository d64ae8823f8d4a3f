"""pg_net's tables, once their rights are taken from PUBLIC as docs/security.md says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.databases import Database

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
POST = "select net.http_post('https://example.com')"
REFUSED = [
    "select body from net.http_request_queue",
    "update net.http_request_queue set url = ''",
    "delete from net.http_request_queue",
    "select content from net._http_response",
    "insert into net._http_response (id, status_code) values (1, 202)",
    "delete from net._http_response",
    "select setval('net.http_request_queue_id_seq', 1)",
]


@pytest.fixture
def orders(database: Database) -> Database:
    [statements] = re.findall(r"```sql\n(revoke all on net\..*?)```", SECURITY.read_text(), re.DOTALL)
    database.execute_as_admin(statements)
    database.execute(
        "create table public.orders (id bigint primary key); grant insert on public.orders to authenticated"
    )
    database.sync(table="public.orders", operations=["insert"])
    return database


def should_capture_and_post_what_any_role_writes(orders: Database) -> None:
    orders.execute("begin; set local role authenticated; insert into public.orders values (1); commit")

    assert orders.states() == {"pending"}
    assert (
        orders.scalar("select count(*) from net.http_request_queue join bridge.posted on id = request_id")
        == 1
    )
    assert orders.scalar("select delivered + failed from bridge.settle(10)") == 0


def should_let_any_role_post_for_itself(orders: Database) -> None:
    orders.execute("set role authenticated")

    assert orders.scalar(POST) > 0


@pytest.mark.parametrize("statement", REFUSED)
def should_show_and_give_nobody_else_what_is_posted_and_answered(orders: Database, statement: str) -> None:
    orders.execute("insert into public.orders values (1)")
    orders.execute("set role authenticated")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        orders.execute(statement)
