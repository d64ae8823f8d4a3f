"""Writes what a database has of this release to tests/database/schemas/: `make schema`."""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from bridge.version import VERSION
from tests.databases import SCRIPTS, Database, webhook
from tools.local import postgres, supabase

SCHEMAS = Path(__file__).parent / "schemas"
QUEUE = "handle_order"
ORDERS = webhook(name="order.created", table="public.orders", operations=["insert"], targets=[QUEUE])
TABLE = "create table public.orders (id bigint primary key)"
# An upgrade replaces them: what a function does is of no account, what it takes and returns is.
VIEWS = """
select format('create view bridge.%I as select %s;', relname, string_agg(
  format('null::%s%s as %I', format_type(atttypid, atttypmod),
    case when attcollation <> typcollation then ' collate ' || attcollation::regcollation end, attname),
  ', ' order by attnum))
from pg_class as c join pg_attribute on attrelid = c.oid join pg_type as t on t.oid = atttypid
where relnamespace = 'bridge'::regnamespace and relkind = 'v' and attnum > 0
group by relname order by 1
"""
FUNCTIONS = """
select format('create function bridge.%I(%s) returns %s language plpgsql as ''begin end'';',
  proname, pg_get_function_arguments(oid), pg_get_function_result(oid))
from pg_proc where pronamespace = 'bridge'::regnamespace order by 1
"""
TRIGGERS = """
select pg_get_triggerdef(oid) || ';' from pg_trigger where tgrelid = 'public.orders'::regclass order by 1
"""
TABLES = """
select relname::text from pg_class
where relnamespace = 'bridge'::regnamespace and relkind = 'r' order by relname
"""
ROWS = """
select format(
  'insert into bridge.{0} select * from jsonb_populate_record(null::bridge.{0}, %L);', to_jsonb(t))
from bridge.{0} as t order by t::text
"""


def main(version: str) -> None:
    """Write the file of a version."""
    file = SCHEMAS / f"{version}.sql"
    with postgres.Server(fsync=False) as server:
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            admin.execute("create schema if not exists extensions")
        supabase.install(server.admin_url())
        database = Database(server, postgres.OWNER)
        fill(database)
        file.write_text(saved(database, version), "utf-8")
        database.connection.close()
    print(f"wrote {file}")


def fill(database: Database) -> None:
    """Make a small installation with a message that is delivered, one that is dead, and two that wait."""
    database.execute(TABLE)
    database.install()
    database.sync_all([ORDERS])
    for order in (1, 2, 3, 4):
        database.execute("insert into public.orders values (%s)", [order])
    delivered, dead, *_ = database.column("select id from bridge.message order by id")
    database.execute(
        "update bridge.message set state = 'delivered', delivered_at = now() where id = %s", [delivered]
    )
    database.execute(
        "update bridge.message set state = 'dead', last_error = 'HTTP 500' where id = %s", [dead]
    )


def saved(database: Database, version: str) -> str:
    """Return the SQL that makes the like of it."""
    tables = database.column(TABLES)
    lines = [
        f"-- Version {version}, as `make schema` wrote it: see README.md.\n",
        SCRIPTS.schema.read_text("utf-8"),
        f"{TABLE};",
        *(line for query in (VIEWS, FUNCTIONS, TRIGGERS) for line in database.column(query)),
        *(line for table in tables for line in database.column(ROWS.format(table))),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:2] or [VERSION])
