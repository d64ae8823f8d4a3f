"""What a statement leaves in the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import Database

ORDERS = "create table public.orders (id bigint primary key, total numeric, status text, note json)"


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute(ORDERS)
    return database


def should_write_one_message_for_a_statement(orders: Database) -> None:
    orders.sync(name="order.created", table="public.orders", operations=["insert"])

    orders.execute("insert into public.orders (id, total) values (1, 1.50), (2, 2)")

    [message] = orders.messages()
    assert message["type"] == "order.created"
    assert [event["id"] for event in message["data"]] == [f"{message['id']}:0", f"{message['id']}:1"]
    first = message["data"][0]
    assert (first["operation"], first["schema"], first["table"]) == ("INSERT", "public", "orders")
    assert first["record"] == {"id": 1, "total": 1.5, "status": None, "note": None}
    assert first["old_record"] is None


def should_put_at_most_100_events_into_a_message(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"])

    orders.execute("insert into public.orders (id) select generate_series(1, 250)")

    assert [len(message["data"]) for message in orders.messages()] == [100, 100, 50]
    ids = [event["id"] for event in orders.events()]
    assert len(set(ids)) == 250
    assert [event["record"]["id"] for event in orders.events()] == list(range(1, 251))


def should_report_old_and_new_record_of_an_update(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["update"])
    orders.execute("insert into public.orders (id, status) values (1, 'a'), (2, 'b')")

    orders.execute("update public.orders set status = status || '!'")

    assert {(e["old_record"]["status"], e["record"]["status"]) for e in orders.events()} == {
        ("a", "a!"),
        ("b", "b!"),
    }


def should_report_the_old_record_of_a_delete(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["delete"])
    orders.execute("insert into public.orders (id, status) values (1, 'a')")

    orders.execute("delete from public.orders")

    [event] = orders.events()
    assert (event["operation"], event["record"], event["old_record"]["status"]) == ("DELETE", None, "a")


def should_report_a_changed_primary_key(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["update"], columns=["status"])
    orders.execute("insert into public.orders (id) values (1)")

    orders.execute("update public.orders set id = 7")

    [event] = orders.events()
    assert (event["old_record"]["id"], event["record"]["id"]) == (1, 7)


def should_pair_rows_that_swap_their_primary_keys(orders: Database) -> None:
    orders.execute("alter table public.orders drop constraint orders_pkey, add primary key (id) deferrable")
    orders.sync(table="public.orders", operations=["update"])
    orders.execute("insert into public.orders (id, status) values (1, 'a'), (2, 'b')")

    orders.execute("update public.orders set id = 3 - id")

    pairs = {(e["old_record"]["id"], e["record"]["id"], e["record"]["status"]) for e in orders.events()}
    assert pairs == {(1, 2, "a"), (2, 1, "b")}


def should_pair_rows_of_an_upsert_and_a_merge(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert", "update"])
    orders.execute("insert into public.orders (id, total) values (1, 10), (2, 20)")
    orders.clear()

    orders.execute(
        "insert into public.orders (id, total) values (1, 11), (3, 30)"
        " on conflict (id) do update set total = excluded.total"
    )
    orders.execute(
        "merge into public.orders as o using (values (2, 21), (4, 40)) as s (id, total) on o.id = s.id"
        " when matched then update set total = s.total"
        " when not matched then insert (id, total) values (s.id, s.total)"
    )

    updates = {
        (e["old_record"]["total"], e["record"]["total"])
        for e in orders.events()
        if e["operation"] == "UPDATE"
    }
    inserts = {e["record"]["id"] for e in orders.events() if e["operation"] == "INSERT"}
    assert updates == {(10, 11), (20, 21)}
    assert inserts == {3, 4}


def should_hold_only_declared_columns_and_the_primary_key(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"], columns=["total"])

    orders.execute("insert into public.orders values (1, 5, 'secret', null)")

    assert orders.events()[0]["record"] == {"id": 1, "total": 5}


def should_not_fire_for_an_update_that_leaves_declared_columns_alone(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["update"], columns=["total", "note"])
    orders.execute("insert into public.orders values (1, 5, 'new', '{}'), (2, 6, 'new', '{}')")

    orders.execute("update public.orders set status = 'x', total = total, note = note")
    orders.execute("update public.orders set note = '[]' where id = 2")

    assert [event["record"]["id"] for event in orders.events()] == [2]


def should_fire_only_where_the_condition_holds(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"], when="new.total > 0 -- paid for")

    orders.execute("insert into public.orders (id, total) values (1, 5), (2, -5), (3, null)")

    assert [event["record"]["id"] for event in orders.events()] == [1]


def should_let_one_condition_serve_several_operations(orders: Database) -> None:
    orders.sync(
        table="public.orders",
        operations=["insert", "update", "delete"],
        when="old.status is distinct from new.status",
    )

    orders.execute("insert into public.orders (id, status) values (1, 'new')")
    orders.execute("update public.orders set total = 1")
    orders.execute("update public.orders set status = 'paid'")
    orders.execute("delete from public.orders")

    assert [event["operation"] for event in orders.events()] == ["INSERT", "UPDATE", "DELETE"]


def should_stop_and_start_with_a_flag_and_no_ddl(orders: Database) -> None:
    orders.sync(name="w", table="public.orders", operations=["insert"])

    orders.execute("update bridge.webhook set enabled = false where name = 'w'")
    orders.execute("insert into public.orders (id) values (1)")
    orders.execute("update bridge.webhook set enabled = true where name = 'w'")
    orders.execute("insert into public.orders (id) values (2)")

    assert [event["record"]["id"] for event in orders.events()] == [2]


def should_keep_what_was_switched_by_hand_until_the_declaration_changes(orders: Database) -> None:
    webhook = {"name": "w", "table": "public.orders", "operations": ["insert"]}
    enabled = "select enabled from bridge.webhook"
    orders.sync(**webhook, enabled=True)
    orders.execute("update bridge.webhook set enabled = false")

    orders.sync(**webhook, enabled=True, when="new.total > 0")
    assert orders.scalar(enabled) is False

    orders.sync(**webhook, enabled=False)
    orders.sync(**webhook, enabled=True)
    assert orders.scalar(enabled) is True


def should_write_nothing_for_a_transaction_that_rolls_back(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"])

    orders.execute("begin; insert into public.orders (id) values (1); rollback")

    assert orders.messages() == []
    assert orders.scalar("select count(*) from net.http_request_queue") == 0


def should_follow_a_table_that_is_altered_after_the_deployment(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert", "update"])
    orders.execute("insert into public.orders (id) values (1)")
    orders.execute("alter table public.orders drop column note, add column added integer default 4")

    orders.execute("update public.orders set total = 3")

    event = orders.events()[-1]
    assert event["record"] == {"id": 1, "total": 3, "status": None, "added": 4}
    assert orders.states() == {"pending"}


def should_follow_a_table_that_is_renamed_after_the_deployment(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert", "update", "delete"])
    orders.execute("alter table public.orders rename to renamed")

    orders.execute("insert into public.renamed (id) values (1)")
    orders.execute("update public.renamed set total = 1")
    orders.execute("delete from public.renamed")

    assert [event["operation"] for event in orders.events()] == ["INSERT", "UPDATE", "DELETE"]
    assert orders.states() == {"pending"}


def should_say_who_made_the_change(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"])
    orders.execute("grant insert on public.orders to authenticated")
    user = "11111111-2222-4333-8444-555555555555"

    orders.execute(
        f"""begin;
        set local role authenticated;
        set local request.jwt.claims = '{{"sub": "{user}"}}';
        insert into public.orders (id) values (1);
        commit;
        insert into public.orders (id) values (2)"""
    )

    by_user, by_deployer = (message["transaction"] for message in orders.messages())
    assert (by_user["actor"], by_user["role"]) == (user, "authenticated")
    assert (by_deployer["actor"], by_deployer["role"]) == (None, "postgres")
    assert int(by_user["id"]) < int(by_deployer["id"])


def should_survive_claims_that_name_no_uuid(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"])

    orders.execute(
        """begin; set local request.jwt.claims = '{"sub": "machine"}';
        insert into public.orders (id) values (1); commit"""
    )

    assert orders.messages()[0]["transaction"]["actor"] is None


def should_capture_partitions_through_their_parent_and_directly(database: Database) -> None:
    database.execute(
        """create table public.log (id bigint, day date, primary key (id, day)) partition by range (day);
        create table public.log_1 (day date not null, id bigint not null);
        alter table public.log attach partition public.log_1 for values from ('2026-01-01') to ('2026-02-01');
        create table public.log_2 partition of public.log for values from ('2026-02-01') to ('2026-03-01')"""
    )
    database.sync(table="public.log", operations=["insert", "update"], when="new.id > 0")

    database.execute("insert into public.log (id, day) values (1, '2026-01-05')")
    database.execute("insert into public.log_1 (id, day) values (2, '2026-01-06')")
    database.execute("update public.log set day = '2026-02-05' where id = 1")

    assert [(e["operation"], e["table"], e["record"]["id"]) for e in database.events()] == [
        ("INSERT", "log", 1),
        ("INSERT", "log", 2),
        ("UPDATE", "log", 1),
    ]
    assert database.events()[2]["old_record"]["day"] == "2026-01-05"


def should_capture_copy(orders: Database) -> None:
    orders.sync(table="public.orders", operations=["insert"])

    with orders.connection.cursor().copy("copy public.orders (id) from stdin") as copy:
        for number in range(3):
            copy.write_row([number])

    assert len(orders.events()) == 3
