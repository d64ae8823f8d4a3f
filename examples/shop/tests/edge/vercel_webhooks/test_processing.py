"""Each event of a message takes effect once on Vercel, through a real pooler to a real Postgres."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge import signing
from examples.shop.tests.edge.vercel_shop import Message, Served
from tests.databases import SECRET
from vercel_app.webhooks import processing, receiving

if TYPE_CHECKING:
    from examples.shop.tests.edge.vercel_shop import Shop
    from examples.shop.tests.edge.vercel_webhooks.environment import Environment
    from vercel_app.connecting import Connection
    from vercel_app.webhooks.message import Event

pytestmark = pytest.mark.xdist_group("vercel_webhooks")
RAISES = """
create function public.fail() returns trigger language plpgsql as
$$ begin raise exception 'order % is on fire', new.order_id using errcode = '23514'; end $$;
create trigger fail before insert on public.order_notices for each row
when (new.order_id = {order}) execute function public.fail()
"""
MEND = "drop function public.fail() cascade"


def should_do_once_what_the_database_has_sent(shop: Shop, served: Served) -> None:
    """The very body that the database composes for a committed row."""
    shop.database.sync(name="order.created", table="public.orders", operations=["insert"])
    order = shop.order()
    [[message_id, body]] = shop.database.rows("select id::text, body::text from bridge.message")
    message = Message(json.loads(body)["data"], id=message_id)
    assert json.loads(message.body)["data"][0]["record"]["total"] == 19.98

    answers = [served.deliver(message) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    expected = [message.accepted(answer.request.headers) for answer in answers]
    assert [answer.json() for answer in answers] == expected
    # As it is, for the database looks for it in the text: nothing of it is escaped.
    assert all(answer.json()["receipt"] in answer.text for answer in answers)
    assert shop.notices(order) == 1


def should_handle_each_event_of_a_message(shop: Shop, served: Served) -> None:
    answer = served.deliver(Message.of({"id": 101}, {"id": 102}, {"id": 103}))

    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert [shop.notices(order) for order in (101, 102, 103)] == [1, 1, 1]


def should_do_once_what_is_delivered_several_times_at_once(shop: Shop, served: Served) -> None:
    message = Message.of({"id": 201}, {"id": 202})

    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(served.deliver, [message] * 8))

    assert {answer.status_code for answer in answers} == {202}
    assert [shop.notices(201), shop.notices(202)] == [1, 1]


def should_not_undo_the_others_when_one_event_fails(
    shop: Shop, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    message = Message.of({"id": 301}, {"id": 302}, {"id": 303})
    shop.database.execute(RAISES.format(order=302))

    failed = served.deliver(message)
    shop.database.execute(MEND)

    assert (failed.status_code, failed.json()) == (500, {"error": "1 of 3 events failed"})
    assert [shop.notices(order) for order in (301, 302, 303)] == [1, 0, 1]
    assert f'"event_id": "{message.id}:1"' in caplog.text
    # What a trigger raises may quote anything.
    assert "on fire" not in caplog.text
    assert served.deliver(message).status_code == 202
    assert [shop.notices(order) for order in (301, 302, 303)] == [1, 1, 1]


def should_go_on_where_the_time_of_the_last_delivery_was_over(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message.of(*({"id": order} for order in range(10)))
    message.webhook = "order.seen"
    seen: list[int] = []

    async def handle(event: Event, _: Connection) -> None:
        seen.append(event.row["id"])
        if len(seen) == 4:
            monkeypatch.setattr(processing, "MIN_SECONDS", receiving.SECONDS)

    monkeypatch.setattr(receiving, "HANDLERS", {"order.seen": handle})

    cut = served.deliver(message)
    monkeypatch.setattr(processing, "MIN_SECONDS", 1.0)
    whole = served.deliver(message)
    # What is done takes no time.
    monkeypatch.setattr(processing, "MIN_SECONDS", receiving.SECONDS)
    again = served.deliver(message)

    assert (cut.status_code, cut.json()) == (500, {"error": "6 of 10 events failed"})
    assert (whole.status_code, again.status_code, seen) == (202, 202, list(range(10)))


def should_hand_over_numbers_with_all_their_digits(served: Served, seen: list[Event]) -> None:
    message = Message.of({"id": 1, "total": "TOTAL", "count": "COUNT"})
    message.webhook = "order.seen"
    digits = "1" * 5_000
    body = message.body.replace('"TOTAL"', "19.980000000000000000001").replace('"COUNT"', digits)

    answer = served.client.post(message.path, content=body, headers=signing.sign(body, message.id, [SECRET]))

    assert answer.status_code == 202
    assert seen[0].row == {"id": 1, "total": Decimal("19.980000000000000000001"), "count": Decimal(digits)}


def should_read_back_a_row_that_was_too_large_to_be_sent(
    shop: Shop, served: Served, seen: list[Event]
) -> None:
    order = shop.order("7.25")
    message = Message.of({"id": order}, {"id": 999_999}, truncated=True)
    message.webhook = "order.seen"

    assert served.deliver(message).status_code == 202

    assert (seen[0].row["total"], seen[0].truncated) == (Decimal("7.25"), False)
    assert (seen[1].row, seen[1].truncated) == ({"id": 999_999}, True)


def should_not_take_a_thin_record_without_a_key(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    answer = served.deliver(Message.of({"id": None}, truncated=True))
    assert answer.status_code == 500
    assert "MissingKeyError" in caplog.text


def should_ask_to_come_again_when_the_database_is_out_of_reach(
    shop: Shop, served: Served, environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    message = Message.of({"id": 501})
    environment.set("DATABASE_URL", "postgresql://edge:s3cret@127.0.0.1:1/postgres")

    answer = served.deliver(message)

    assert (answer.status_code, answer.json()) == (503, {"error": "Postgres is out of reach"})
    assert answer.headers["retry-after"] == "5"
    assert "127.0.0.1:1" in caplog.text
    assert "s3cret" not in caplog.text
    environment.set("DATABASE_URL", shop.pooler.url())
    assert (served.deliver(message).status_code, shop.notices(501)) == (202, 1)


def should_keep_no_connection_when_no_request_is_under_way(shop: Shop, served: Served) -> None:
    assert served.deliver(Message.of({"id": 601}, {"id": 602})).status_code == 202
    with psycopg.connect(shop.pooler.url("pgbouncer"), autocommit=True, prepare_threshold=None) as console:
        clients = psycopg.ClientCursor(console).execute("show clients").fetchall()
    # This one.
    assert len(clients) == 1
