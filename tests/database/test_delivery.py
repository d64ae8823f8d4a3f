"""A message after its transaction: settled, claimed, failed, given up, pruned."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from psycopg.errors import LockNotAvailable
from standardwebhooks.webhooks import Webhook

from tests.databases import SECRET, TARGET_SECRET, WITHOUT_PG_NET

if TYPE_CHECKING:
    from tests.databases import Database


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    database.sync(table="public.orders", operations=["insert"])
    return database


def insert(orders: Database, order: int = 1) -> str:
    orders.rest()
    orders.execute("insert into public.orders values (%s)", [order])
    return str(orders.scalar("select max(id::text) from bridge.message"))


def answer(
    orders: Database,
    message: str,
    *,
    status: int | None = 202,
    error: str | None = None,
    content: str | None = None,
) -> None:
    """What pg_net's worker does once it has an answer; by default the receiver's."""
    receipts = json.dumps({"accepted": 1, "receipts": orders.receipts(message)})
    orders.execute(
        """with sent as (
            delete from net.http_request_queue
            where id = (select request_id from bridge.posted where message_id = %s) returning id)
        insert into net._http_response (id, status_code, error_msg, timed_out, content)
        select id, %s, %s, false, %s from sent""",
        [message, status, error, receipts if content is None else content],
    )


def state(orders: Database, message: str) -> list[object]:
    return orders.rows("select state, attempts, last_error from bridge.message where id = %s", [message])[0]


def should_settle_an_accepted_message(orders: Database) -> None:
    message = insert(orders)
    answer(orders, message)

    assert orders.rows("select * from bridge.settle(100)") == [[1, 0]]

    assert state(orders, message) == ["delivered", 0, None]
    assert orders.scalar("select count(*) from bridge.posted") == 0


@pytest.mark.parametrize(
    ("status", "error", "recorded"),
    [
        (503, None, "HTTP 503"),
        (302, None, "HTTP 302"),
        (None, "refused", "refused"),
        (None, "x" * 20_000, "(20000 bytes)"),
        (None, None, "no answer"),
    ],
)
def should_leave_to_redelivery_at_once_what_pg_net_could_not_deliver(
    orders: Database, status: int | None, error: str | None, recorded: str
) -> None:
    message = insert(orders)
    answer(orders, message, status=status, error=error)

    assert orders.rows("select * from bridge.settle(100)") == [[0, 1]]

    # No attempt of redelivery is used up by what anybody may have written.
    assert state(orders, message) == ["pending", 0, recorded]
    assert orders.column("select tried #>> '{0,by}' from bridge.message") == ["pg_net"]
    assert orders.column("select id::text from bridge.claim(10, 60)") == [message]


def should_believe_no_answer_without_a_receipt(orders: Database) -> None:
    message = insert(orders)
    answer(orders, message, status=202, content=f'{{"accepted": 1, "webhook_id": "{message}"}}')

    orders.rows("select * from bridge.settle(100)")

    assert state(orders, message) == ["pending", 0, "HTTP 202 without a receipt"]


def should_believe_no_receipt_for_another_target_message_or_attempt(orders: Database) -> None:
    [signed_at] = {orders.scalar("select signed_at from bridge.posted") for _ in [insert(orders)]}
    message = str(orders.scalar("select id from bridge.message"))
    at = datetime.fromtimestamp(signed_at, UTC)
    forged = [
        Webhook(SECRET).sign(message, at, "accepted"),
        Webhook(SECRET).sign(message, at, "accepted handle_orders"),
        Webhook(SECRET).sign(str(uuid4()), at, "accepted handle_order"),
        Webhook(SECRET).sign(message, at - timedelta(seconds=1), "accepted handle_order"),
        Webhook(TARGET_SECRET).sign(message, at, "accepted handle_order"),
        # What stands in the request itself.
        orders.scalar("select headers ->> 'webhook-signature' from net.http_request_queue"),
    ]
    answer(orders, message, content=" ".join(forged))

    orders.rows("select * from bridge.settle(100)")

    assert state(orders, message) == ["pending", 0, "HTTP 202 without a receipt"]


def should_believe_a_receipt_by_either_secret_while_they_rotate(orders: Database) -> None:
    orders.execute("select bridge.set_signing_secret(%s)", [f"{TARGET_SECRET} {SECRET}"])
    message = insert(orders)
    answer(orders, message)

    assert orders.rows("select * from bridge.settle(100)") == [[1, 0]]


def should_take_the_receivers_answer_beside_a_forged_one(orders: Database) -> None:
    message = insert(orders)
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        " select request_id, 500, false, 'no' from bridge.posted"
    )
    answer(orders, message)

    assert orders.rows("select * from bridge.settle(100)") == [[1, 0]]
    assert state(orders, message)[0] == "delivered"


def should_leave_a_fresh_message_to_pg_net(orders: Database) -> None:
    insert(orders)

    assert orders.rows("select * from bridge.claim(10, 60)") == []


def should_claim_what_pg_net_did_not_deliver_in_time(orders: Database) -> None:
    message = insert(orders)
    orders.execute("update bridge.message set due_at = clock_timestamp()")

    [[claimed, webhook, target, body, attempts]] = orders.rows("select * from bridge.claim(10, 60)")

    assert (str(claimed), webhook, target, attempts) == (message, "webhook", "handle_order", 0)
    assert body == orders.scalar("select body::text from bridge.message")


def should_give_each_message_to_one_of_two_deliverers(orders: Database) -> None:
    orders.execute("insert into public.orders select generate_series(1, 1000)")
    orders.execute("update bridge.message set due_at = clock_timestamp()")
    with orders.connect() as first, orders.connect() as second:
        first.autocommit = False
        mine = first.execute("select id from bridge.claim(5, 60)").fetchall()
        theirs = second.execute("select id from bridge.claim(100, 60)").fetchall()
        first.commit()

    assert (len(mine), len(theirs)) == (5, 5)
    assert not set(mine) & set(theirs)


def should_not_read_the_whole_outbox_by_a_plan_of_when_it_was_empty(orders: Database) -> None:
    with orders.connect() as deliverer:
        deliverer.autocommit = False
        for _ in range(2):
            ids = deliverer.execute(
                "select array_agg(id), array_agg(target) from bridge.claim(5, 60)"
            ).fetchone()
            deliverer.execute("select bridge.lock_messages(%s, %s)", ids)
            deliverer.execute("select bridge.complete(%s, %s), bridge.settle(5)", ids)
            read = deliverer.execute(
                "select seq_tup_read from pg_stat_xact_user_tables where relid = 'bridge.message'::regclass"
            ).fetchone()
            deliverer.commit()
            orders.execute(
                "insert into public.orders select generate_series(1, 20000) on conflict do nothing"
            )
            orders.execute("update bridge.message set due_at = clock_timestamp()")

    assert ids is not None
    assert len(ids[0]) == 5
    assert read == (0,)


def should_make_messages_of_a_dead_deliverer_due_again(orders: Database) -> None:
    insert(orders)
    orders.execute("update bridge.message set due_at = clock_timestamp()")
    orders.rows("select * from bridge.claim(10, 0)")

    assert len(orders.rows("select * from bridge.claim(10, 60)")) == 1
    assert orders.rows("select * from bridge.claim(10, 60)") == []


def should_never_take_an_answer_of_before_a_crash_for_one_of_after_it(orders: Database) -> None:
    before = insert(orders, 1)
    # A crash empties unlogged tables, and starts pg_net's ids over.
    orders.execute("truncate bridge.posted; truncate net.http_request_queue; truncate net._http_response")
    orders.execute("select setval(pg_get_serial_sequence('net.http_request_queue', 'id'), 1, false)")
    after = insert(orders, 2)
    answer(orders, after)

    orders.rows("select * from bridge.settle(100)")

    assert state(orders, after)[0] == "delivered"
    assert state(orders, before)[0] == "pending"


def should_keep_what_pg_net_reads_and_maps_unlogged_alike(orders: Database) -> None:
    assert orders.scalar("select relpersistence from pg_class where oid = 'bridge.posted'::regclass") == "u"
    assert orders.scalar("select relpersistence from pg_class where oid = 'bridge.message'::regclass") == "p"


def should_follow_the_standards_schedule_and_then_give_up(orders: Database) -> None:
    message = insert(orders)
    waits = []
    while True:
        verdict = orders.scalar("select bridge.fail(%s, 'handle_order', 'no route')", [message])
        if verdict == "dead":
            break
        waits.append(
            orders.scalar("select round(extract(epoch from due_at - clock_timestamp())) from bridge.message")
        )

    schedule = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert all(base - 1 <= wait <= base * 1.1 for base, wait in zip(schedule, waits, strict=True))
    assert orders.rows("select webhook, attempts, last_error from bridge.dead_letter") == [
        ["webhook", 10, "no route"]
    ]


def should_complete_only_what_is_pending(orders: Database) -> None:
    message = insert(orders)

    assert orders.scalar("select bridge.complete(array[%s]::uuid[], array['handle_order'])", [message]) == 1
    assert orders.scalar("select bridge.complete(array[%s]::uuid[], array['handle_order'])", [message]) == 0
    assert orders.scalar("select bridge.fail(%s, 'handle_order', 'late')", [message]) is None
    assert state(orders, message)[0] == "delivered"


def should_release_what_was_not_attempted_and_nothing_that_is_done(orders: Database) -> None:
    waiting, delivered = insert(orders, 1), insert(orders, 2)
    orders.execute("update bridge.message set due_at = now()")
    assert len(orders.rows("select id from bridge.claim(10, 60)")) == 2
    orders.execute("select bridge.complete(array[%s]::uuid[], array['handle_order'])", [delivered])

    both = [[waiting, delivered], ["handle_order"] * 2]
    orders.execute("select bridge.release(%s::uuid[], %s::text[])", both)

    assert orders.column("select due_at <= clock_timestamp() from bridge.message order by id") == [
        True,
        False,
    ]
    assert orders.column("select id::text from bridge.claim(10, 60)") == [waiting]


def should_prune_what_is_delivered_and_past_retention(orders: Database) -> None:
    old, undelivered, fresh = (insert(orders, number) for number in range(3))
    old_id, undelivered_id = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
    orders.execute("update bridge.message set id = %s, state = 'delivered' where id = %s", [old_id, old])
    orders.execute("update bridge.message set id = %s where id = %s", [undelivered_id, undelivered])
    orders.execute("update bridge.message set state = 'delivered' where id = %s", [fresh])
    orders.execute(
        "insert into bridge.processed_event values"
        " ('w', 'long ago', now() - interval '26 days'), ('w', 'may come again', now() - interval '24 days')"
    )

    assert orders.scalar("select bridge.prune(100)") == 2

    assert orders.column("select id::text from bridge.message order by id") == [undelivered_id, fresh]
    assert orders.column("select event_id from bridge.processed_event") == ["may come again"]


def should_count_what_waits_and_what_is_dead(orders: Database) -> None:
    message = insert(orders, 1)
    insert(orders, 2)
    orders.execute("update bridge.message set created_at = clock_timestamp() - interval '90 s'")
    orders.execute("update bridge.message set state = 'dead' where id = %s", [message])

    [[pending, oldest, dead, paused, missing, _]] = orders.rows("select * from bridge.metrics()")

    assert (pending, dead, paused, missing) == (1, 1, 0, 0)
    assert 90 <= oldest < 100
    assert orders.rows("select webhook, pending, dead from bridge.status") == [["webhook", 1, 1]]


def should_make_ids_that_sort_by_time(orders: Database) -> None:
    ids = orders.column("select bridge.new_message_id()::text from generate_series(1, 3), pg_sleep(0.002)")

    assert ids == sorted(ids)
    assert {message_id[14] for message_id in ids} == {"7"}
    assert {message_id[19] for message_id in ids} <= set("89ab")
    assert orders.scalar("select bridge.message_id_at(now() - interval '1 s') < bridge.new_message_id()")
    assert orders.scalar("select bridge.message_id_at(now() + interval '1 s') > bridge.new_message_id()")


def should_take_over_a_request_whose_number_pg_net_gives_out_anew(orders: Database) -> None:
    before = insert(orders, 1)
    # Dropped and created again: its ids start over, and bridge.posted doesn't know.
    orders.execute("truncate net.http_request_queue; truncate net._http_response")
    orders.execute("select setval(pg_get_serial_sequence('net.http_request_queue', 'id'), 1, false)")
    orders.execute("update bridge.posted set request_id = 1")
    after = insert(orders, 2)
    answer(orders, after)

    assert orders.rows("select * from bridge.settle(100)") == [[1, 0]]
    assert (state(orders, before)[0], state(orders, after)[0]) == ("pending", "delivered")


def should_take_back_what_pg_net_does_not_send(orders: Database) -> None:
    overdue, fresh = insert(orders, 1), insert(orders, 2)
    orders.execute(
        "update bridge.posted set posted_at = posted_at - interval '31 s' where message_id = %s", [overdue]
    )

    assert orders.scalar("select bridge.withdraw(100)") == 1

    assert orders.column("select message_id::text from bridge.posted") == [fresh]
    assert orders.scalar("select count(*) from net.http_request_queue") == 1
    assert orders.scalar("select bridge.is_spared()") is True


def should_not_spare_a_pg_net_that_is_sending_what_a_long_transaction_posted(orders: Database) -> None:
    insert(orders)
    orders.execute("update bridge.posted set posted_at = posted_at - interval '31 s'")
    orders.execute("delete from net.http_request_queue")

    assert orders.scalar("select bridge.withdraw(100)") == 1
    assert orders.scalar("select bridge.is_spared()") is False


def should_not_wait_for_whoever_locks_the_tables_of_pg_net(orders: Database) -> None:
    insert(orders)
    orders.execute("update bridge.posted set posted_at = posted_at - interval '31 s'")
    orders.execute("set statement_timeout = '5 s'")
    with orders.connect() as other, other.transaction():
        other.execute("lock table net.http_request_queue, net._http_response")

        with pytest.raises(LockNotAvailable):
            orders.execute("select bridge.settle(100)")
        assert orders.scalar("select bridge.withdraw(100)") == 1


def should_leave_another_request_alone_that_has_the_number_now(orders: Database) -> None:
    insert(orders)
    # pg_net was dropped and created again, and counts anew.
    orders.execute("truncate net.http_request_queue")
    orders.execute(
        "insert into net.http_request_queue (id, method, url, headers, timeout_milliseconds)"
        " select request_id, 'POST', 'https://other.example.com', '{}', 5000 from bridge.posted"
    )
    orders.execute("update bridge.posted set posted_at = posted_at - interval '31 s'")

    orders.execute("select bridge.withdraw(100)")

    assert orders.column("select url from net.http_request_queue") == ["https://other.example.com"]


def should_take_back_what_it_may_not_delete(orders: Database) -> None:
    insert(orders)
    orders.execute("update bridge.posted set posted_at = posted_at - interval '31 s'")
    orders.execute_as_admin("revoke delete on net.http_request_queue from public")

    assert orders.scalar("select bridge.withdraw(100)") == 1
    assert orders.scalar("select count(*) from net.http_request_queue") == 1


def should_spare_a_pg_net_that_does_not_send_but_for_a_ring_a_minute(orders: Database) -> None:
    orders.execute("select setval('bridge.pg_net_late', bridge.now_ms())")

    for seconds_ago, posts in ((0, 1), (2, 1), (61, 2)):
        orders.execute(
            "select setval('bridge.last_ring', bridge.now_ms() - %s) where %s > 0", [seconds_ago * 1000] * 2
        )
        orders.execute("insert into public.orders values (%s)", [seconds_ago])
        assert orders.column("select distinct url from net.http_request_queue") == [
            "https://api.example.com/webhooks/bridge.ring"
        ]
        assert orders.scalar("select count(*) from net.http_request_queue") == posts

    orders.execute("select bridge.heard_ring()")
    insert(orders, 100)

    assert (
        orders.scalar("select count(*) from net.http_request_queue where url like '%%/webhooks/webhook'") == 1
    )


def should_settle_without_pg_net(orders: Database) -> None:
    message = insert(orders)
    orders.execute_as_admin(WITHOUT_PG_NET)
    orders.execute("update bridge.message set due_at = clock_timestamp()")

    assert orders.rows("select * from bridge.settle(100)") == [[0, 0]]
    assert orders.scalar("select bridge.withdraw(100)") == 0
    assert orders.column("select id::text from bridge.claim(10, 60)") == [message]
