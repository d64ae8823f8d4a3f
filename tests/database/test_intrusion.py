"""What a role that may only write to a captured table can do to the capture: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import Database

# The parameter is the settings that a session of any role may change.
SESSIONS = {
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "intervalstyle": "iso_8601",
    "datestyle": "'SQL, DMY'",
    "search_path": "pg_temp",
    "plan_cache_mode": "force_custom_plan",
    "lock_timeout": "1",
    "row_security": "off",
}


@pytest.fixture(params=["asleep", "awake"])
def things(request: pytest.FixtureRequest, database: Database) -> Database:
    database.execute(
        """create table public.things (
          id bigint primary key, code text default '42', raw bytea default '\\xdeadbeef',
          ratio double precision default 0.30000000000000004, span interval default '1 day 2 hours',
          days daterange default '[2026-01-02,2026-02-03)');
        grant insert on public.things to authenticated"""
    )
    database.sync(table="public.things", operations=["insert"], when=r"new.code ~ '^\d+$'")
    if request.param == "awake":
        database.execute("select bridge.stay_awake(9900)")
    return database


@pytest.mark.parametrize(("setting", "value"), SESSIONS.items(), ids=SESSIONS.keys())
def should_capture_alike_whatever_the_session_has_set(things: Database, setting: str, value: str) -> None:
    things.execute("insert into public.things (id) values (1)")
    things.execute(f"set {setting} = {value}")
    things.execute("insert into public.things (id) values (2)")
    things.execute(f"reset {setting}")

    plain, changed = (event["record"] for event in things.events())
    assert changed == {**plain, "id": 2}
    assert things.states() == {"pending"}


def should_run_nothing_of_a_writers_temporary_schema(things: Database) -> None:
    things.execute("create table public.loot (who text, secret text); grant insert on public.loot to public")
    shadows = "".join(
        f"create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.evil());"
        for name in ("text", "jsonb", "uuid", "timestamptz", "refcursor", "bool", "int8")
    )
    things.execute(
        f"""begin;
        set local role authenticated;
        create function pg_temp.evil() returns pg_catalog.bool language plpgsql as $$ begin
          if current_user = 'postgres' then
            insert into public.loot select current_user, decrypted_secret from vault.decrypted_secrets;
          end if;
          return true;
        end $$;
        {shadows}
        create table pg_temp.message (id pg_catalog.uuid);
        insert into public.things (id) values (1);
        commit"""
    )

    assert things.rows("select * from public.loot") == []
    assert len(things.events()) == 1
