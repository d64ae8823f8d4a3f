"""Triggers match the declaration, and only what differs is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from apply_sql.schema import apply_scripts
from tests.databases import SCRIPTS, webhook

if TYPE_CHECKING:
    from tests.databases import Database

CREATED = webhook(name="order.created", table="public.orders", operations=["insert"])
CHANGED = webhook(name="order.changed", table="public.orders", operations=["update"], columns=["total"])
GONE = webhook(name="user.gone", table="public.users", operations=["delete"])


@pytest.fixture
def tables(database: Database) -> Database:
    database.execute(
        """create table public.orders (id bigint primary key, total numeric);
        create table public.users (id bigint primary key);
        create table public.keyless (name text);
        create view public.paid as select * from public.orders"""
    )
    return database


def triggers(tables: Database) -> list[str]:
    return tables.column(
        "select tgname::text from pg_trigger"
        " where not tgisinternal and tgrelid <> 'storage.objects'::regclass order by 1"
    )


def should_create_change_and_drop_what_differs(tables: Database) -> None:
    first = tables.sync_all([CREATED, CHANGED])
    assert len(first["created"]) == 2

    second = tables.sync_all([{**CREATED, "when": "new.total > 0"}, GONE])

    assert second["created"] == ["bridge_user.gone_delete on public.users"]
    assert second["dropped"] == ["bridge_order.changed_update on public.orders"]
    assert second["functions_written"] == 2
    assert triggers(tables) == ["bridge_order.created_insert", "bridge_user.gone_delete"]
    assert tables.column(
        "select proname::text from pg_proc"
        " where prorettype = 'trigger'::regtype and pronamespace = 'bridge'::regnamespace order by 1"
    ) == [
        "capture_order.created_insert",
        "capture_user.gone_delete",
    ]


def should_take_no_lock_when_nothing_changed(tables: Database) -> None:
    tables.sync_all([CREATED, CHANGED])
    with tables.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.orders values (1)")
        tables.execute("set lock_timeout = '200ms'")

        again = tables.sync_all([CREATED, CHANGED])
        condition = tables.sync_all([{**CREATED, "when": "new.total > 0"}, CHANGED])
        writer.rollback()

    assert (again["created"], again["dropped"], again["functions_written"]) == ([], [], 0)
    assert condition["functions_written"] == 1


def should_give_up_on_a_busy_table_and_leave_all_as_it_was(tables: Database) -> None:
    tables.sync_all([CREATED])
    with tables.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.users values (1)")
        tables.execute("set lock_timeout = '200ms'")

        with pytest.raises(errors.LockNotAvailable):
            tables.sync_all([GONE])
        writer.rollback()

    assert triggers(tables) == ["bridge_order.created_insert"]
    assert tables.column("select name from bridge.webhook") == ["order.created"]


def should_enable_a_trigger_that_was_disabled(tables: Database) -> None:
    tables.sync_all([CREATED])
    tables.execute('alter table public.orders disable trigger "bridge_order.created_insert"')

    assert len(tables.sync_all([CREATED])["created"]) == 1

    tables.execute("insert into public.orders values (1)")
    assert len(tables.events()) == 1


def should_leave_other_triggers_alone(tables: Database) -> None:
    tables.execute(
        """create function public.mine() returns trigger language plpgsql as 'begin return new; end';
        create trigger mine before insert on public.orders for each row execute function public.mine()"""
    )
    tables.sync_all([CREATED])
    tables.sync_all([])

    assert triggers(tables) == ["mine"]


def should_keep_messages_of_a_removed_webhook(tables: Database) -> None:
    tables.sync_all([CREATED])
    tables.execute("insert into public.orders values (1)")

    tables.sync_all([])
    tables.execute("insert into public.orders values (2)")

    assert len(tables.events()) == 1


def should_refuse_another_owner_and_name_the_way_to_adopt(tables: Database) -> None:
    tables.sync_all([CREATED])

    with pytest.raises(errors.ObjectInUse, match='bridged by "tests", not by "other"') as refusal:
        tables.sync_all([], owner="other")
    assert refusal.value.diag.message_hint is not None
    assert 'adopt = "tests"' in refusal.value.diag.message_hint

    tables.sync_all([], owner="other", adopt="tests")
    assert tables.scalar("select owner from bridge.installation") == "other"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing table": ({"table": "public.order"}, 'table "public.order" .* did you mean "public.orders"'),
    "missing schema": ({"table": "shop.orders"}, 'table "shop.orders" of webhook "w" does not exist'),
    "not a name": ({"table": "public.orders; drop"}, "does not exist"),
    "a view": ({"table": "public.paid"}, "is no table but a view"),
    "missing column": ({"columns": ["totl"]}, 'column "totl" .* did you mean "total"'),
    "no key": ({"table": "public.keyless", "operations": ["update"]}, "no primary key"),
    "unknown column in the condition": ({"when": "new.totl > 0"}, "totl"),
    "syntax": ({"when": "new.total >"}, "syntax error"),
    "not boolean": ({"when": "new.total"}, "boolean"),
    "no old row": ({"when": "old.total > 0"}, "an insert has no old row"),
    "another statement": (
        {"when": "true); drop table public.users; select (true"},
        "multi-query|multiple commands",
    ),
    "a system column": ({"when": "new.ctid is not null"}, "ctid"),
    "a table of the bridge": ({"table": "bridge.message"}, "system's own"),
    "a table of the server": ({"table": "pg_catalog.pg_class"}, "system's own"),
    "a name without schema": ({"when": "exists (select from users)"}, "write names in full"),
}


@pytest.mark.parametrize(("wrong", "message"), WRONG.values(), ids=WRONG.keys())
def should_refuse_and_change_nothing(tables: Database, wrong: dict[str, Any], message: str) -> None:
    tables.sync_all([CREATED])

    with pytest.raises(errors.InvalidParameterValue, match=message):
        tables.sync_all([GONE, {**webhook(name="w", table="public.orders", operations=["insert"]), **wrong}])

    assert triggers(tables) == ["bridge_order.created_insert"]
    assert tables.scalar("select to_regclass('public.users') is not null")


def should_name_every_problem_at_once(tables: Database) -> None:
    with pytest.raises(errors.InvalidParameterValue, match=r"public\.a.*public\.b"):
        tables.sync_all(
            [
                webhook(name="a", table="public.a", operations=["insert"]),
                webhook(name="b", table="public.b", operations=["insert"]),
            ]
        )


def should_refuse_a_table_of_somebody_else(tables: Database) -> None:
    tables.execute_as_admin("create table public.theirs (id integer primary key)")

    with pytest.raises(errors.InvalidParameterValue, match=r"grant trigger on public\.theirs to"):
        tables.sync(table="public.theirs", operations=["insert"])


def should_add_change_and_remove_a_webhook_on_a_table_of_somebody_else(tables: Database) -> None:
    tables.execute_as_admin(
        """create schema auth_like; create table auth_like.users (id integer primary key, name text);
        grant usage on schema auth_like to postgres; grant all on auth_like.users to postgres"""
    )
    users = webhook(name="user", table="auth_like.users", operations=["insert", "update"])
    tables.sync_all([users])
    tables.execute_as_admin('alter table auth_like.users disable trigger "bridge_user_update"')
    tables.sync_all([{**users, "columns": ["name"]}])
    tables.execute("insert into auth_like.users values (1, 'a'); update auth_like.users set name = 'b'")
    assert [event["operation"] for event in tables.events()] == ["INSERT", "UPDATE"]

    tables.sync_all([{**users, "operations": ["insert"]}])
    assert triggers(tables) == ["bridge_user_insert"]

    tables.sync_all([])
    assert triggers(tables) == []


def should_keep_columns_that_only_ride_in_the_key_s_index_out(tables: Database) -> None:
    tables.execute(
        """create table public.cards (
          id integer, number text, total integer, primary key (id) include (number))"""
    )
    tables.sync(table="public.cards", operations=["insert"], columns=["total"])

    tables.execute("insert into public.cards values (1, '4242', 5)")

    assert tables.events()[0]["record"] == {"id": 1, "total": 5}


def should_not_lock_the_outbox_against_writers_when_installed_again(tables: Database) -> None:
    with tables.connection.transaction():
        apply_scripts(tables.connection, SCRIPTS)

        blocking = tables.column(
            """select mode from pg_locks
            where relation = 'bridge.message'::regclass and pid = pg_backend_pid() and mode not in (
              'AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock')"""
        )

    assert blocking == []


def should_allow_inserts_into_a_table_without_a_key(tables: Database) -> None:
    tables.sync(table="public.keyless", operations=["insert"])

    tables.execute("insert into public.keyless values ('x')")

    assert tables.events()[0]["record"] == {"name": "x"}


def should_tear_down_without_a_trace(tables: Database) -> None:
    tables.sync_all([CREATED, GONE])

    assert tables.scalar("select bridge.teardown()") == {"triggers_dropped": 2, "messages_kept": 0}

    assert triggers(tables) == []
    assert tables.scalar("select to_regnamespace('bridge')") is None
    assert tables.scalar("select count(*) from vault.secrets") == 0


def should_keep_undelivered_messages_and_deliver_them_after_the_next_installation(tables: Database) -> None:
    tables.sync_all([CREATED])
    tables.execute("insert into public.orders values (1)")

    assert tables.scalar("select bridge.teardown()") == {"triggers_dropped": 1, "messages_kept": 1}

    assert triggers(tables) == []
    assert tables.scalar("select count(*) from pg_proc where pronamespace = 'bridge'::regnamespace") == 0
    tables.install()
    tables.sync_all([])
    assert len(tables.events()) == 1
