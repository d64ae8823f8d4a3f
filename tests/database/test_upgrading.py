"""What a release left in a database becomes what a first deployment makes, with what waits in its outbox."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.database.save_schema import ORDERS, QUEUE, SCHEMAS, TABLE

if TYPE_CHECKING:
    from tests.databases import Database

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
# Each with what must be the same, whatever way it came about. Positions, because rows are made by them.
CATALOG = """
select 'schema', nspname::text, concat_ws(' ', obj_description(oid, 'pg_namespace'), privileges)
from pg_namespace, lateral (
  select string_agg(a::text, ' ' order by a::text)
  from aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as a
) as granted (privileges)
where nspname = 'bridge'
union all
select 'relation', c.oid::regclass::text, concat_ws(' ',
  relkind, relpersistence, reloptions, obj_description(c.oid, 'pg_class'), privileges,
  case when relkind = 'v' then pg_get_viewdef(c.oid) end)
from pg_class as c, lateral (
  select string_agg(a::text, ' ' order by a::text)
  from aclexplode(
    coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r' end, relowner))) as a
) as granted (privileges)
where relnamespace = 'bridge'::regnamespace and relkind in ('r', 'v', 'S', 'c')
union all
select 'column', a.attrelid::regclass || '.' || attname, concat_ws(' ',
  row_number() over (partition by a.attrelid order by attnum), format_type(atttypid, atttypmod), attnotnull,
  attidentity, attgenerated, attcompression, pg_get_expr(d.adbin, d.adrelid), attacl,
  col_description(a.attrelid, attnum))
from pg_attribute as a
join pg_class as c
  on c.oid = a.attrelid and c.relnamespace = 'bridge'::regnamespace and c.relkind in ('r', 'v', 'c')
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where attnum > 0 and not attisdropped
union all
select 'index', indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
from pg_index join pg_class as c on c.oid = indrelid where c.relnamespace = 'bridge'::regnamespace
union all
select 'constraint', conrelid::regclass || ' ' || conname,
  concat_ws(' ', pg_get_constraintdef(oid), convalidated)
from pg_constraint where connamespace = 'bridge'::regnamespace
union all
select 'function', p.oid::regprocedure::text, concat_ws(' ',
  pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), privileges)
from pg_proc as p, lateral (
  select string_agg(a::text, ' ' order by a::text)
  from aclexplode(coalesce(proacl, acldefault('f', proowner))) as a
) as granted (privileges)
where pronamespace = 'bridge'::regnamespace
union all
select 'trigger', tgrelid::regclass || ' ' || tgname, concat_ws(' ', pg_get_triggerdef(oid), tgenabled)
from pg_trigger where tgrelid = 'public.orders'::regclass
union all
select 'migration', name, '' from bridge.migration
"""


@pytest.fixture(params=sorted(SCHEMAS.glob("*.sql")), ids=lambda file: file.stem)
def deployed(request: pytest.FixtureRequest, empty_database: Database) -> Database:
    """A database as a release left it: a message is delivered, one is dead, two wait."""
    with empty_database.connection.transaction():
        empty_database.execute(request.param.read_bytes())
    return empty_database


def upgrade(database: Database) -> None:
    database.install()
    database.sync_all([ORDERS])


def should_have_the_schema_of_each_release() -> None:
    releases = re.findall(r"^## (\d+\.\d+\.\d+)\b", CHANGELOG.read_text("utf-8"), re.MULTILINE)

    assert {file.stem for file in SCHEMAS.glob("*.sql")} >= set(releases), "make schema writes it"


def should_become_what_a_first_deployment_makes(deployed: Database, database: Database) -> None:
    database.execute(TABLE)
    upgrade(database)

    upgrade(deployed)

    assert catalog(deployed) == catalog(database)


def catalog(database: Database) -> dict[tuple[str, str], str]:
    return {(kind, name): definition for kind, name, definition in database.rows(CATALOG)}


@pytest.mark.parametrize("times", [1, 2])
def should_lose_nothing_that_waits(deployed: Database, times: int) -> None:
    kept = "select id, body from bridge.message order by id"
    before = deployed.rows(kept)

    for _ in range(times):
        upgrade(deployed)

    assert deployed.rows(kept) == before
    assert states(deployed) == ["delivered", "dead", "pending", "pending"]


def should_deliver_what_waits(deployed: Database) -> None:
    _delivered, dead, *waiting = ids(deployed)
    upgrade(deployed)

    deployed.execute("update bridge.message set due_at = now() where state = 'pending'")
    claimed = deployed.rows("select id, target, body from bridge.claim(100, 60) order by id")

    assert [[message, target] for message, target, _ in claimed] == [[message, QUEUE] for message in waiting]
    assert [event["record"] for event in json.loads(claimed[-1][2])["data"]] == [{"id": 4}]
    deployed.execute("select bridge.complete(%s, %s)", [waiting, [QUEUE] * len(waiting)])
    deployed.execute("select bridge.replay(message => %s)", [dead])
    assert states(deployed) == ["delivered", "pending", "delivered", "delivered"]


def should_capture_from_then_on(deployed: Database) -> None:
    upgrade(deployed)

    deployed.execute("insert into public.orders values (5)")

    newest: dict[str, Any] = deployed.scalar(
        "select body from bridge.message order by created_at desc limit 1"
    )
    assert [event["record"] for event in newest["data"]] == [{"id": 5}]
    assert len(ids(deployed)) == 5


def ids(database: Database) -> list[Any]:
    return database.column("select id from bridge.message order by id")


def states(database: Database) -> list[str]:
    return database.column("select state from bridge.message order by id")
