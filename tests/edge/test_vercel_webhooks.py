"""POST /api/webhook/{webhook} on Vercel, through a real pooler to a real Postgres."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bridge import signing
from tests.databases import SECRET, TARGET_SECRET
from tests.edge import vercel_shop
from tests.edge.vercel_shop import Message, Served
from vercel_app.webhooks import processing, receiving
from vercel_app.webhooks.handlers import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.postgres import Server
    from tests.edge.vercel_shop import Shop
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


@pytest.fixture(scope="module")
def shop(server: Server, bridge_template: str) -> Iterator[Shop]:
    with vercel_shop.opened(server, bridge_template) as shop:
        yield shop


@pytest.fixture(scope="module")
def served(shop: Shop) -> Iterator[Served]:
    with Served(shop.environment) as served:
        yield served


@pytest.fixture
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(shop.environment, monkeypatch)


class Environment:
    """The project's variables, which a test may change for itself."""

    def __init__(self, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._variables = variables
        self._monkeypatch = monkeypatch

    def set(self, name: str, value: str) -> None:
        self._monkeypatch.setitem(self._variables, name, value)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What a handler of order.seen was handed."""
    events: list[Event] = []

    async def handle(event: Event, _: Connection) -> None:
        events.append(event)

    monkeypatch.setattr(receiving, "HANDLERS", {**HANDLERS, "order.seen": handle})
    return events


def should_do_once_what_the_database_has_sent(shop: Shop, served: Served) -> None:
    """The very body that the database composes for a committed row."""
    shop.database.sync(name="order.created", table="public.orders", operations=["insert"])
    order = shop.order()
    [[message_id, body]] = shop.database.rows("select id::text, body::text from bridge.message")
    message = Message(json.loads(body)["data"], id=message_id)
    assert json.loads(message.body)["data"][0]["record"]["total"] == 19.98

    answers = [served.deliver(message) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert {answer.text for answer in answers} == {f'{{"accepted":1,"webhook_id":"{message_id}"}}'}
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


def should_answer_a_ping_without_a_database(served: Served, environment: Environment) -> None:
    environment.set("DATABASE_URL", "")
    message = Message([], webhook="bridge.ping")

    answer = served.deliver(message)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "webhook_id": message.id})


@pytest.mark.parametrize("secret", [SECRET, TARGET_SECRET])
def should_know_two_secrets_while_they_rotate(served: Served, environment: Environment, secret: str) -> None:
    environment.set("WEBHOOK_SIGNING_SECRET", f"whsec_{TARGET_SECRET} {SECRET}")
    message = Message([], webhook="bridge.ping")

    answer = served.client.post(message.path, content=message.body, headers=message.signed(secret))

    assert answer.status_code == 202


def should_say_which_variable_is_not_set(served: Served, environment: Environment) -> None:
    environment.set("WEBHOOK_SIGNING_SECRET", "")
    answer = served.deliver(Message.of({"id": 1}))
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "the environment variable WEBHOOK_SIGNING_SECRET is not set"},
    )


def should_refuse_in_an_order_that_tells_strangers_nothing(served: Served) -> None:
    unknown = Message([], webhook="order.unknown")
    large = b"x" * (receiving.MAX_BYTES + 1)
    other = Message.of({"id": 1})

    def post(path: str, content: Any, headers: dict[str, str] | None = None) -> int:
        return served.client.post(path, content=content, headers=headers).status_code

    assert post(unknown.path, large) == 413
    assert post(unknown.path, iter([large])) == 413
    assert post(unknown.path, unknown.body) == 401
    assert post(other.path, other.body) == 401
    malformed = Message([], webhook="bridge.ping")
    headers = signing.sign("{", malformed.id, [SECRET])
    assert post(unknown.path, "{", headers) == 404
    assert post(other.path, "{", headers) == 400
    # Signed for another webhook.
    assert post(other.path, unknown.body, unknown.signed()) == 400


def should_allow_nothing_but_post(served: Served) -> None:
    answer = served.client.get("/api/webhook/order.created")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "method not allowed"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"transaction": None}, '"transaction" must be an object'),
        ({"transaction": {"id": "1", "role": "x"}}, '"actor" is missing'),
        ({"timestamp": "yesterday"}, '"timestamp" must be a date and time with its time zone'),
        ({"timestamp": "2026-11-23T15:00:00"}, '"timestamp" must be a date and time with its time zone'),
        ({"data": {}}, '"data" must be an array'),
        ({"data": [1]}, "event 0: it must be an object"),
        ({"data": [{}]}, '"id" is missing'),
        ({"data": [{"id": "1:0", "operation": "TRUNCATE"}]}, '"operation" must be "INSERT" or'),
    ],
)
def should_say_what_is_wrong_with_a_message(served: Served, change: dict[str, Any], told: str) -> None:
    message = Message.of({"id": 1})
    body = json.dumps(json.loads(message.body) | change)

    answer = served.client.post(message.path, content=body, headers=signing.sign(body, message.id, [SECRET]))

    assert answer.status_code == 400
    assert told in answer.json()["error"]


@pytest.mark.parametrize(
    "body", ["[" * 100_000, "NaN", '{"type": "bridge.ping", "x": 1e99999999999999999999}']
)
def should_refuse_what_is_no_message(served: Served, body: str) -> None:
    signed = signing.sign(body, "id", [SECRET])
    answer = served.client.post("/api/webhook/bridge.ping", content=body, headers=signed)
    assert (answer.status_code, answer.json()["error"][:17]) == (400, "malformed message")


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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "s3cret", "DATABASE_URL must be of the form"),
        ("DATABASE_TLS", "prefer", "DATABASE_TLS must be one of: disable, require, verify-ca, verify-full"),
        ("DATABASE_TLS", "verify-ca", '"verify-ca" needs DATABASE_CA_CERTIFICATE'),
        ("DATABASE_CA_CERTIFICATE", "s3cret", "DATABASE_CA_CERTIFICATE must be PEM text"),
    ],
)
def should_say_what_is_wrong_with_a_variable(
    served: Served, environment: Environment, name: str, value: str, told: str
) -> None:
    environment.set("DATABASE_TLS", "verify-full")
    environment.set(name, value)

    answer = served.deliver(Message.of({"id": 1}))

    assert answer.status_code == 503
    assert told in answer.json()["error"]
    assert "s3cret" not in answer.text


def should_keep_no_connection_when_no_request_is_under_way(shop: Shop, served: Served) -> None:
    assert served.deliver(Message.of({"id": 601}, {"id": 602})).status_code == 202
    with psycopg.connect(shop.pooler.url("pgbouncer"), autocommit=True, prepare_threshold=None) as console:
        clients = psycopg.ClientCursor(console).execute("show clients").fetchall()
    # This one.
    assert len(clients) == 1
