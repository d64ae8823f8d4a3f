"""The statements that a review shows are those that the database executes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import declaration, webhook
from tools.review.declaration import Declaration
from tools.review.sql_names import quoted
from tools.review.triggers import Action, plan, triggers

if TYPE_CHECKING:
    from tests.databases import Database

NAMES = [
    "public.orders",
    'public."Order Items"',
    "public.order",
    'shop."a""b|c"',
    '"user".values',
    "public.größe",
]
OPERATIONS = ["insert", "update", "delete"]
WEBHOOKS = [
    webhook(name=f"w{number}{dot}x", table=table, operations=OPERATIONS, columns=["id"])
    for number, (table, dot) in enumerate(zip(NAMES, "._-._-", strict=True))
]
# As Postgres prints a trigger, but for the case of keywords.
KEYWORDS = (
    r"CREATE TRIGGER|AFTER|INSERT|UPDATE|DELETE|ON|REFERENCING|OLD TABLE AS|NEW TABLE AS|"
    r"FOR EACH STATEMENT|EXECUTE FUNCTION"
)


@pytest.fixture
def tables(database: Database) -> Database:
    database.execute('create schema shop; create schema "user"')
    for name in NAMES:
        # "order" is no name without quotes; after a point it is.
        database.execute(f"create table {name} (id bigint primary key)")
    return database


def present(database: Database) -> dict[str, str]:
    found: list[Any] = database.rows(
        "select t.tgname::text, pg_get_triggerdef(t.oid) from pg_trigger as t"
        " join bridge.present_trigger as p on p.relation = t.tgrelid and p.trigger_name = t.tgname"
    )
    return dict(found)


def declared(*webhooks: dict[str, Any]) -> Declaration:
    return Declaration(content=declaration(list(webhooks)))


def should_be_what_the_database_makes(tables: Database) -> None:
    tables.sync_all(WEBHOOKS)
    made = present(tables)
    shown = {trigger.name: trigger.create for trigger in triggers(declared(*WEBHOOKS))}
    assert len(made) == len(NAMES) * len(OPERATIONS)
    assert {
        name: re.sub(rf"\b({KEYWORDS})\b", lambda match: match[0].lower(), definition)
        for name, definition in made.items()
    } == shown


def should_make_the_same_triggers_when_executed(tables: Database) -> None:
    tables.sync_all(WEBHOOKS)
    made = present(tables)
    for trigger in triggers(declared(*WEBHOOKS)):
        tables.execute(trigger.drop)
    assert present(tables) == {}
    for trigger in triggers(declared(*WEBHOOKS)):
        tables.execute(trigger.create)
    assert present(tables) == made


def should_plan_what_the_database_does(tables: Database) -> None:
    first, second, third, *_ = WEBHOOKS
    before = [first, second | {"operations": ["insert", "update"]}]
    after = [
        first | {"when": "true", "operations": ["insert", "update"]},
        second | {"targets": ["handle_order"], "max_per_minute": 5, "operations": ["insert", "update"]},
        third | {"operations": ["delete"]},
    ]
    tables.sync_all(before)
    done = tables.sync_all(after)
    steps = plan(declared(*before), declared(*after))

    def titles(action: Action) -> list[str]:
        return sorted(
            f"{step.trigger.name} on {step.trigger.table}" for step in steps if step.action is action
        )

    assert titles(Action.CREATED) == sorted(done["created"])
    assert titles(Action.DROPPED) == sorted(done["dropped"])
    written = len(titles(Action.CREATED)) + len(titles(Action.CHANGED))
    assert (written, done["functions_written"]) == (3, 3)


@pytest.mark.parametrize(
    ("action", "lock"), [(Action.CREATED, "ShareRowExclusiveLock"), (Action.DROPPED, "AccessExclusiveLock")]
)
def should_take_the_lock_that_is_said(tables: Database, action: Action, lock: str) -> None:
    [trigger] = triggers(declared(WEBHOOKS[0] | {"operations": ["insert"]}))
    tables.sync_all([WEBHOOKS[0] | {"operations": ["insert"]}])
    if action is Action.CREATED:
        tables.execute(trigger.drop)
    with tables.connection.transaction():
        tables.execute(trigger.create if action is Action.CREATED else trigger.drop)
        held = tables.column(
            "select mode from pg_locks where relation = 'public.orders'::regclass and pid = pg_backend_pid()"
        )
    assert lock in held
    assert lock.removesuffix("Lock").lower() == action.lock.replace(" ", "").lower()


def should_quote_names_as_postgres_does(database: Database) -> None:
    words = database.column("select word from pg_get_keywords()")
    names = [*words, "plain", "_x1", "1x", "a$b", "Upper", "ä", "a b", 'a"b', "a.b", "a-b", ""]
    expected = database.column("select quote_ident(name) from unnest(%s::text[]) as name", [names])
    assert [quoted(name) for name in names] == expected
