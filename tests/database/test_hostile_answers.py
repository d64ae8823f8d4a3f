"""What pg_net recorded is untrusted bytes: no other message and no target pays for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import TARGET_SECRET, webhook

if TYPE_CHECKING:
    from tests.databases import Database

EDGE = {"name": "edge", "kind": "http", "url": "https://edge.example.com/{webhook}"}
# Stores bytes as the real worker does, which checks nothing.
RAW = """
create function public.raw(bytea) returns text language internal immutable strict as 'byteasend';
create function public.answer(request bigint, status integer, content bytea, error bytea default null)
returns void language sql as $$
  insert into net._http_response (id, status_code, content, timed_out, error_msg, headers)
  values (
    request, status, public.raw(content), false, public.raw(error),
    jsonb_build_object(public.raw('\\xff'), 1))
$$;
"""
# The parameter is replaced by the webhook-id.
BODIES = {
    "invalid UTF-8 around the id": b'{"t":"\xf0%s"}',
    "ISO-8859-1": "refusé".encode("latin-1"),
    "gzip": bytes.fromhex("1f8b0800000000000003ff"),
    "a truncated character at the end of what is read": b"x" * 16_383 + "é".encode(),
    "longer than what is read": b"\xf0" * 16_385,
    "empty": b"",
}


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute_as_admin(RAW)
    database.execute("create table public.orders (id bigint primary key)")
    database.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    declared = webhook(table="public.orders", operations=["insert"], targets=["handle_order", "edge"])
    database.sync_all([declared], targets=[EDGE])
    database.execute("update bridge.target set gives_receipts = true where kind = 'http'")
    database.execute("insert into public.orders values (1)")
    return database


def request_to(orders: Database, target: str) -> tuple[int, str]:
    [[request, message]] = orders.rows(
        "select request_id, message_id::text from bridge.posted where %s = any (targets)", [target]
    )
    return request, message


def answer(
    orders: Database, target: str, status: int | None, content: bytes | None, error: bytes | None = None
) -> None:
    request, message = request_to(orders, target)
    body = None if content is None else content.replace(b"%s", message.encode())
    orders.execute("select public.answer(%s, %s, %s, %s)", [request, status, body, error])


def outcome(orders: Database) -> dict[str, list[object]]:
    rows = orders.rows("select target, state, attempts, last_error from bridge.message")
    return {target: rest for target, *rest in rows}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("status", [200, 503])
def should_settle_the_others_whatever_one_answers(orders: Database, body: bytes, status: int) -> None:
    receipts = orders.receipts(request_to(orders, "handle_order")[1])
    answer(orders, "edge", status, body)
    answer(orders, "handle_order", 202, str(receipts).encode())

    assert orders.rows("select * from bridge.settle(100)") == [[1, 1]]

    said = "HTTP 200 without a receipt" if status == 200 else "HTTP 503"
    assert outcome(orders) == {"handle_order": ["delivered", 0, None], "edge": ["pending", 0, said]}
    assert orders.column("select target from bridge.claim(10, 60)") == ["edge"]


def should_find_a_receipt_among_bytes_of_no_encoding(orders: Database) -> None:
    receipt = orders.receipts(request_to(orders, "edge")[1])["edge"]
    answer(orders, "edge", 200, b"\xf0\xff" + receipt.encode() + b"\xc3")

    assert orders.rows("select * from bridge.settle(100)") == [[1, 0]]


def should_not_read_an_answer_of_hundreds_of_megabytes(orders: Database) -> None:
    request, _ = request_to(orders, "edge")
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        " values (%s, 200, false, repeat('0123456789abcdef', 17 * 1024 * 1024))",
        [request],
    )
    # Read, it would take more than this, and fail ("invalid memory alloc request size").
    orders.execute("set statement_timeout = '5s'")

    assert orders.rows("select * from bridge.settle(100)") == [[0, 1]]


def should_show_what_pg_net_could_not_do_in_whatever_encoding(orders: Database) -> None:
    answer(orders, "edge", None, None, error="refusé".encode("latin-1"))

    orders.rows("select * from bridge.settle(100)")

    assert outcome(orders)["edge"][2] == r"refus\351"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "UTF8"])
def should_read_the_same_bytes_whatever_encoding_the_client_has(orders: Database, encoding: str) -> None:
    receipt = orders.receipts(request_to(orders, "edge")[1])["edge"]
    answer(orders, "edge", 200, b"\xf0" + receipt.encode())
    orders.execute(f"set client_encoding = '{encoding}'")

    assert orders.rows("select * from bridge.settle(100)") == [[1, 0]]
    assert orders.connection.info.parameter_status("client_encoding") == encoding


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"caf\xe9"}', r'{"caf\351"}'),
        ("café".encode(), "café"),
        (b"x" * 20_000, "(20000 bytes)"),
        (b"x" * 2_000, "x" * 500),
        (b"\x00", None),
    ],
)
def should_show_the_answer_to_a_ping_in_whatever_encoding(
    orders: Database, body: bytes, shown: str | None
) -> None:
    request = orders.scalar("select bridge.ping()")
    # What follows a zero byte, the worker leaves out; nothing is null.
    kept = body.partition(b"\0")[0] or None
    orders.execute("select public.answer(%s, 404, %s)", [request, kept])

    answered = orders.scalar("select bridge.ping_answer(%s)", [request])

    assert (answered["status"], answered["body"], answered["receipt"]) == (404, shown, False)


FORGED = """
with taken as (delete from net.http_request_queue returning id, headers)
insert into net._http_response (id, status_code, timed_out, content)
select id, {status}, {status} is null,
  jsonb_build_object('webhook_id', headers ->> 'webhook-id', 'targets', array['handle_order'],
    'receipt', headers ->> 'webhook-signature', 'receipts', headers)::text
from taken
"""


@pytest.mark.parametrize("status", ["202", "410", "429", "503", "null"])
def should_lose_nothing_and_hold_nobody_for_what_another_role_forges(orders: Database, status: str) -> None:
    orders.execute("create role edge_of_tests; grant edge_of_tests to current_user")
    try:
        orders.execute("set role edge_of_tests")
        orders.execute(FORGED.format(status=status))
        orders.execute("reset role")
    finally:
        orders.execute("reset role")
        orders.execute("drop role edge_of_tests")

    assert orders.rows("select * from bridge.settle(100)") == [[0, 2]]

    assert orders.column("select target from bridge.claim(10, 60) order by 1") == ["edge", "handle_order"]
    assert orders.rows(
        "select failures, held_until = '-infinity', paused_because, failing_since from bridge.target"
        " where name = 'edge'"
    ) == [[0, True, None, None]]
