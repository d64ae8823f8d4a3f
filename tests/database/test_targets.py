"""One webhook, several targets: each has its own signature, its own state, and its own troubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors
from standardwebhooks.webhooks import Webhook

from tests.databases import SECRET, SQL_FILES, TARGET_SECRET, webhook

if TYPE_CHECKING:
    from tests.databases import Database

EDGE = {"name": "edge", "kind": "http", "url": "https://edge.example.com/hooks/{webhook}"}
SLOW = {"name": "slow", "kind": "http", "url": "https://slow.example.com/", "fast_path": False}
SECOND = {"name": "second", "kind": "queue"}
TARGETS = ("process_order", "edge")


def declare(orders: Database, *targets: str, further: tuple[dict[str, Any], ...] = (EDGE,)) -> None:
    declared = webhook(table="public.orders", operations=["insert"], targets=list(targets))
    orders.sync_all([declared], targets=further)


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    database.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    declare(database, *TARGETS)
    return database


def insert(orders: Database, order: int = 1) -> str:
    orders.execute("insert into public.orders values (%s)", [order])
    return str(orders.scalar("select max(id::text) from bridge.message"))


def requests(orders: Database) -> dict[str, tuple[dict[str, str], bytes]]:
    """What pg_net was handed, by address."""
    rows = orders.rows("select url, headers, body from net.http_request_queue order by id")
    return {url: (headers, body) for url, headers, body in rows}


def answer(
    orders: Database, target: str, status: int | None, *, content: str = "", headers: str = "{}"
) -> None:
    """What pg_net's worker writes once a target's requests are answered, by default with the message's id."""
    orders.execute(
        """with sent as (
            delete from net.http_request_queue as q using bridge.posted as p
            where p.request_id = q.id and %s = any (p.targets) returning q.id, p.message_id)
        insert into net._http_response (id, status_code, timed_out, headers, content)
        select id, %s::int, %s::int is null, %s::jsonb,
          coalesce(nullif(%s, ''), message_id || '"targets": ["process_order", "second"]')
        from sent""",
        [target, status, status, headers, content],
    )
    orders.rows("select * from bridge.settle(1000)")


def states(orders: Database, message: str) -> dict[str, list[Any]]:
    rows = orders.rows(
        "select target, state, attempts, last_error from bridge.message where id = %s", [message]
    )
    return {target: rest for target, *rest in rows}


def claimed(orders: Database, kind: str = "http") -> list[str]:
    return orders.column("select target from bridge.claim(100, 60, array[%s])", [kind])


def due(orders: Database) -> None:
    orders.execute("update bridge.message set due_at = clock_timestamp() where state = 'pending'")


def target(orders: Database, name: str = "edge") -> list[Any]:
    """Failures in a row, whether it is held, why it is paused."""
    [row] = orders.rows(
        "select failures, held_until > clock_timestamp(), paused_because from bridge.target where name = %s",
        [name],
    )
    return row


def should_post_to_each_target_what_is_signed_with_its_own_secret(orders: Database) -> None:
    message = insert(orders)

    sent = requests(orders)
    assert sent.keys() == {
        "https://api.example.com/webhooks/webhook",
        "https://edge.example.com/hooks/webhook",
    }
    for (headers, body), secret in zip(sent.values(), (SECRET, TARGET_SECRET), strict=True):
        assert Webhook(secret).verify(body, headers)["type"] == "webhook"
        assert headers["webhook-id"] == message
    assert states(orders, message) == {name: ["pending", 0, None] for name in TARGETS}


def should_keep_a_state_for_each_target(orders: Database) -> None:
    message = insert(orders)

    answer(orders, "edge", 202)
    answer(orders, "process_order", 500)

    assert states(orders, message) == {
        "edge": ["delivered", 0, None],
        "process_order": ["pending", 1, "HTTP 500"],
    }


def should_reach_all_queues_with_one_request(orders: Database) -> None:
    declare(orders, "process_order", "second", further=(SECOND,))
    message = insert(orders)

    assert len(requests(orders)) == 1
    answer(orders, "second", 202)

    assert {state for state, *_ in states(orders, message).values()} == {"delivered"}


def should_not_take_a_page_that_was_redirected_to_for_the_targets_answer(orders: Database) -> None:
    message = insert(orders)

    answer(orders, "edge", 200, content="<html>Log in</html>")

    state, attempts, error = states(orders, message)["edge"]
    assert (state, attempts) == ("pending", 1)
    assert "does not repeat the webhook-id" in error


def should_ring_for_a_target_that_pg_net_does_not_post_to(orders: Database) -> None:
    orders.execute("select bridge.set_signing_secret(%s, 'slow')", [TARGET_SECRET])
    declare(orders, "slow", further=(SLOW,))

    insert(orders)

    assert requests(orders).keys() == {"https://api.example.com/webhooks/bridge.ring"}
    assert claimed(orders) == ["slow"]


def should_leave_to_redelivery_a_target_without_a_secret(orders: Database) -> None:
    orders.execute("delete from vault.secrets where name = 'bridge_signing_secret:edge'")

    insert(orders)

    assert requests(orders).keys() == {"https://api.example.com/webhooks/webhook"}
    assert claimed(orders) == ["edge"]


@pytest.mark.parametrize("status", [None, 429, 502, 503, 504])
def should_hold_a_target_that_is_out_of_reach_and_no_other(orders: Database, status: int | None) -> None:
    insert(orders)
    answer(orders, "edge", status)
    insert(orders, 2)
    due(orders)

    assert target(orders) == [1, True, None]
    assert len(requests(orders)) == 1
    assert claimed(orders, "http") == []
    assert claimed(orders, "queue") == ["process_order"] * 2


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def should_not_hold_a_target_for_a_message_that_it_refuses(orders: Database, status: int) -> None:
    insert(orders)
    answer(orders, "edge", status)

    assert target(orders) == [0, False, None]


def should_never_hold_a_queue(orders: Database) -> None:
    insert(orders)
    answer(orders, "process_order", 503)

    assert target(orders, "process_order") == [0, False, None]


def should_take_a_target_off_the_fast_path_that_is_slower_than_pg_net_waits(orders: Database) -> None:
    insert(orders)
    answer(orders, "edge", None)
    orders.execute("select bridge.complete(array_agg(id), array_agg(target)) from bridge.message")

    insert(orders, 2)

    assert requests(orders).keys() == {
        "https://api.example.com/webhooks/webhook",
        "https://api.example.com/webhooks/bridge.ring",
    }
    assert claimed(orders) == ["edge"]


def should_leave_a_target_in_peace_as_long_as_it_asks_for(orders: Database) -> None:
    message = insert(orders)

    answer(orders, "edge", 429, headers='{"Retry-After": "1234"}')

    waits = orders.rows(
        """select extract(epoch from t.held_until - now()), extract(epoch from m.due_at - now())
        from bridge.target as t join bridge.message as m on m.target = t.name
        where m.id = %s and t.name = 'edge'""",
        [message],
    )
    assert len(waits) == 1
    assert all(1230 < wait <= 1234 for wait in waits[0])


def should_count_what_failed_together_once(orders: Database) -> None:
    for order in range(5):
        insert(orders, order)

    answer(orders, "edge", 503)

    assert target(orders) == [1, True, None]


def should_wait_for_no_other_run_that_records_the_same(orders: Database) -> None:
    messages = [insert(orders, order) for order in range(2)]
    orders.execute("update bridge.target set failures = 1 where name = 'edge'")
    orders.execute("set lock_timeout to '1s'")
    with orders.connect() as other:
        other.autocommit = False
        other.execute("select bridge.hold('edge')")

        orders.execute("select bridge.hold('edge')")
        orders.execute("select bridge.refuse(%s, 'edge', 'HTTP 410', 410)", [messages[0]])
        orders.execute("select bridge.complete(array[%s]::uuid[], '{edge}')", [messages[1]])
        other.commit()

    assert target(orders) == [2, True, None]


def should_settle_what_a_target_accepted_that_was_undeclared_meanwhile(orders: Database) -> None:
    message = insert(orders)
    declare(orders, "process_order", further=())

    answer(orders, "edge", 202, content=message)

    assert states(orders, message)["edge"] == ["delivered", 0, None]


def should_hold_longer_each_time_up_to_five_minutes(orders: Database) -> None:
    holds = []
    for _ in range(9):
        orders.execute("select bridge.hold('edge')")
        query = "select extract(epoch from held_until - now()) from bridge.target where name = 'edge'"
        holds.append(orders.scalar(query))
        orders.execute("update bridge.target set held_until = clock_timestamp()")

    assert holds == [pytest.approx(wait, abs=0.5) for wait in (5, 10, 20, 40, 80, 160, 300, 300, 300)]


def should_ask_with_one_message_whether_a_target_is_back(orders: Database) -> None:
    messages = [insert(orders, order) for order in range(4)]
    answer(orders, "edge", 503)
    orders.execute("update bridge.target set held_until = clock_timestamp()")
    due(orders)

    assert claimed(orders) == ["edge"]
    orders.execute("select bridge.complete(array[%s]::uuid[], '{edge}')", [messages[0]])

    assert target(orders) == [0, False, None]
    assert claimed(orders) == ["edge"] * 3


def should_post_to_a_target_again_once_the_first_hold_is_over(orders: Database) -> None:
    insert(orders)
    answer(orders, "edge", 503)
    orders.execute("update bridge.target set held_until = clock_timestamp()")

    insert(orders, 2)

    assert "https://edge.example.com/hooks/webhook" in requests(orders)


def should_let_redelivery_try_a_target_first_that_failed_again_and_again(orders: Database) -> None:
    orders.execute("update bridge.target set failures = 3 where name = 'edge'")

    insert(orders)

    assert "https://edge.example.com/hooks/webhook" not in requests(orders)


def should_pause_a_target_that_is_gone_and_keep_its_messages(orders: Database) -> None:
    message = insert(orders)

    answer(orders, "edge", 410)
    insert(orders, 2)
    due(orders)

    assert target(orders)[2] == "HTTP 410"
    assert claimed(orders) == []
    assert states(orders, message)["edge"] == ["pending", 1, "HTTP 410"]
    assert orders.rows(
        "select target, paused_because, pending from bridge.status where paused_because is not null"
    ) == [["edge", "HTTP 410", 2]]


def should_deliver_what_collected_while_a_target_was_paused(orders: Database) -> None:
    assert orders.scalar("select bridge.pause('edge')") is True
    insert(orders)
    assert claimed(orders) == []

    orders.execute("select bridge.hold('edge', '1 hour')")
    orders.execute("update bridge.message set due_at = now() + interval '1 hour' where target = 'edge'")
    assert orders.scalar("select bridge.resume('edge')") is True

    assert claimed(orders) == ["edge"]


def should_post_to_no_queue_of_a_webhook_while_one_is_paused(orders: Database) -> None:
    declare(orders, "process_order", "second", further=(SECOND,))
    orders.execute("select bridge.pause('second')")

    insert(orders)

    assert requests(orders).keys() == {"https://api.example.com/webhooks/bridge.ring"}
    assert claimed(orders, "queue") == ["process_order"]


@pytest.mark.parametrize(("because", "still_paused"), [("HTTP 410", None), ("by hand", "by hand")])
def should_try_a_new_address_unless_paused_by_hand(
    orders: Database, because: str, still_paused: str | None
) -> None:
    orders.execute("select bridge.pause('edge', %s)", [because])
    orders.execute("select bridge.hold('edge', '1 hour')")
    declare(orders, *TARGETS)
    assert target(orders)[2] == because

    declare(orders, *TARGETS, further=({**EDGE, "url": "https://new.example.com/"},))

    assert target(orders) == [0, False, still_paused]


def should_hand_out_what_waits_for_a_target_that_is_declared_no_more(orders: Database) -> None:
    insert(orders)
    declare(orders, "process_order", further=())
    due(orders)

    assert sorted(claimed(orders, "queue")) == ["edge", "process_order"]


def should_go_on_showing_what_waits_for_a_target_that_is_declared_no_more(orders: Database) -> None:
    insert(orders)
    declare(orders, "process_order", further=())

    shown = "select target, enabled, pending from bridge.status order by target"
    assert orders.rows(shown) == [["edge", None, 1], ["process_order", True, 1]]


def should_hand_out_each_targets_messages_in_turn(orders: Database) -> None:
    for order in range(6):
        insert(orders, order)
    orders.execute(
        "delete from bridge.message where target = 'edge'"
        " and id < (select id from bridge.message order by id desc limit 1)"
    )
    due(orders)

    assert sorted(orders.column("select target from bridge.claim(2, 60)")) == ["edge", "process_order"]


def should_keep_an_event_that_no_target_can_be_sent(orders: Database) -> None:
    orders.execute("alter table public.orders drop constraint orders_pkey, add note text")
    orders.execute("insert into public.orders values (1, repeat('x', 300000))")

    assert orders.column("select target from bridge.dead_letter order by 1") == ["edge", "process_order"]


def should_forget_the_secret_of_a_target_that_is_declared_no_more(orders: Database) -> None:
    orders.execute("select vault.create_secret('mine', 'bridge_signing_secret_of_mine')")
    declare(orders, "process_order", further=())

    assert orders.column("select name from vault.secrets order by 1") == [
        "bridge_signing_secret",
        "bridge_signing_secret_of_mine",
    ]


def should_refuse_a_target_that_is_not_declared(orders: Database) -> None:
    with pytest.raises(errors.InvalidParameterValue) as refusal:
        declare(orders, "nobody")

    assert refusal.value.diag.message_primary == (
        'target "nobody" of webhook "webhook" is not declared; declared: edge, process_order'
    )


def should_count_the_requests_to_each_target(orders: Database) -> None:
    orders.execute(
        "insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)"
        " select 'POST', 'https://other.example.com', '{}', '', 5000 from generate_series(1, 197)"
    )

    orders.execute("insert into public.orders select generate_series(1, 300)")

    # Three messages for two targets: two messages fit, a little over what pg_net can take; the third waits.
    assert orders.column("select count(*) from bridge.posted group by targets") == [2, 2]
    assert orders.scalar("select count(*) from bridge.message where due_at <= clock_timestamp()") == 2


def should_ping_a_target(orders: Database) -> None:
    request = orders.scalar("select bridge.ping('edge')")

    [[url, headers, body]] = orders.rows(
        "select url, headers, body from net.http_request_queue where id = %s", [request]
    )
    assert url == "https://edge.example.com/hooks/bridge.ping"
    assert Webhook(TARGET_SECRET).verify(body, headers)["data"] == []


@pytest.mark.parametrize("name", ["process_order", "nobody"])
def should_say_that_there_is_no_target_to_ping(orders: Database, name: str) -> None:
    with pytest.raises(errors.UndefinedObject, match=f'no http target "{name}"'):
        orders.execute("select bridge.ping(%s)", [name])


ONE_TARGET = """
create schema bridge;
create table bridge.target (name text primary key, kind text not null check (kind in ('queue')));
create table bridge.webhook (
  name text primary key, table_schema text not null, table_name text not null, operations text[] not null,
  columns text[], condition text, target text not null references bridge.target deferrable initially deferred,
  enabled boolean not null, declaration jsonb not null);
create unlogged table bridge.posted (request_id bigint primary key, message_id uuid not null);
create view bridge.status as select name as webhook, target from bridge.webhook;
insert into bridge.target values ('process_order', 'queue');
insert into bridge.webhook values
  ('webhook', 'public', 'orders', '{insert}', null, null, 'process_order', true, '{}');
"""
ITS_OUTBOX = """
create schema if not exists bridge;
create table bridge.message (
  id uuid primary key, webhook text not null, target text not null, body jsonb not null,
  state text not null default 'pending', attempts integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz, last_error text);
create index message_due on bridge.message (due_at) where state = 'pending';
create function bridge.claim(max_messages integer, lease_seconds integer) returns integer
  language sql as 'select 1';
insert into bridge.message (id, webhook, target, body)
  values ('01936b2e-7c00-7000-8000-000000000001', 'webhook', 'process_order', '{"data": []}');
"""


@pytest.mark.parametrize("earlier", [ONE_TARGET + ITS_OUTBOX, ITS_OUTBOX])
def should_take_over_an_installation_with_one_target_a_webhook(
    empty_database: Database, earlier: str
) -> None:
    empty_database.execute(earlier)
    empty_database.execute("create table public.orders (id bigint primary key)")

    empty_database.install()
    empty_database.execute("select bridge.set_signing_secret(%s, 'edge')", [TARGET_SECRET])
    declare(empty_database, *TARGETS)
    insert(empty_database)

    assert claimed(empty_database, "queue") == ["process_order"]
    assert len(requests(empty_database)) == 2
    with empty_database.connection.transaction():
        for file in SQL_FILES:
            empty_database.execute(file.read_bytes())
