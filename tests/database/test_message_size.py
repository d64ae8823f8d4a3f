"""No message is larger than 200 kB, and no event is lost to its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import Database

LARGEST = "select max(octet_length(body::text)) from bridge.message where state = 'pending'"
RANDOM_TEXT = "(select string_agg(md5(i::text), '') from generate_series(1, {bytes} / 32) as i)"


@pytest.fixture
def documents(database: Database) -> Database:
    database.execute("create table public.documents (id integer primary key, content text)")
    return database


def should_split_a_message_that_is_too_large(documents: Database) -> None:
    documents.sync(table="public.documents", operations=["insert"])

    documents.execute(
        f"insert into public.documents select n, {RANDOM_TEXT.format(bytes=9000)}"
        " from generate_series(1, 100) as n"
    )

    events = documents.events()
    assert [event["record"]["id"] for event in events] == list(range(1, 101))
    assert len({event["id"] for event in events}) == 100
    assert all(
        event["id"] == f"{message['id']}:{index}"
        for message in documents.messages()
        for index, event in enumerate(message["data"])
    )
    assert documents.scalar(LARGEST) <= 200_000


def should_send_a_record_that_is_too_large_thin(documents: Database) -> None:
    documents.sync(table="public.documents", operations=["insert", "update"])

    documents.execute(
        f"insert into public.documents values (1, {RANDOM_TEXT.format(bytes=300_000)}), (2, 'small')"
    )
    documents.execute("update public.documents set id = 3 where id = 1")

    thin, small, update = documents.events()
    assert (thin["record"], thin["truncated"]) == ({"id": 1}, True)
    assert "truncated" not in small
    assert (update["old_record"], update["record"]) == ({"id": 1}, {"id": 3})
    assert documents.states() == {"pending"}


@pytest.mark.parametrize("awake", [False, True])
def should_measure_numbers_by_the_digits_that_are_sent(database: Database, *, awake: bool) -> None:
    database.execute("create table public.readings (id integer primary key, content json)")
    database.sync(table="public.readings", operations=["insert"])
    if awake:
        database.execute("select bridge.stay_awake(9000)")

    database.execute("insert into public.readings values (1, '[1e131071, 1e131071]')")

    [event] = database.events()
    assert (event["record"], event["truncated"]) == ({"id": 1}, True)


def should_keep_a_large_record_without_a_key_as_a_dead_letter(database: Database) -> None:
    database.execute("create table public.keyless (content text)")
    database.sync(table="public.keyless", operations=["insert"])

    database.execute(f"insert into public.keyless values ({RANDOM_TEXT.format(bytes=300_000)})")

    [[error, size]] = database.rows("select last_error, octet_length(events::text) from bridge.dead_letter")
    assert "no primary key" in error
    assert size > 300_000


@pytest.mark.parametrize(("size", "posted"), [(50_000, "webhook"), (70_000, "bridge.ring")])
def should_ring_for_what_pg_net_would_stall_on(documents: Database, size: int, posted: str) -> None:
    documents.sync(table="public.documents", operations=["insert"])

    documents.execute(f"insert into public.documents values (1, {RANDOM_TEXT.format(bytes=size)})")

    assert documents.column("select split_part(url, '/webhooks/', 2) from net.http_request_queue") == [posted]
    assert documents.scalar("select due_at <= clock_timestamp() from bridge.message") is (
        posted == "bridge.ring"
    )
