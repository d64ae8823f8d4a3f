"""An older schema becomes this version's by migrations, once and whole; a newer one is left as it is."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest

from apply_sql.errors import ApplyError, RequirementError
from apply_sql.scripts import Scripts
from tests.database.apply_sql.deployer import ORDERS, USERS, Api, Deployer, triggers
from tests.databases import SCRIPTS, SQL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.databases import Database

ADD = "alter table bridge.message add note text"
RENAME = "alter table bridge.message rename note to remark"
# Which "create or replace" can't take back.
WIDER_VIEW = """
create or replace view bridge.dead_letter as
  select id as message_id, webhook, target, created_at, attempts, last_error, tried, body -> 'data' as events,
    'wider' as width
  from bridge.message where state = 'dead';
"""
COLUMNS = """select attname::text from pg_attribute
  where attrelid = 'bridge.message'::regclass and attname in ('note', 'remark')"""
WIDTH = (
    "select count(*) from pg_attribute where attrelid = 'bridge.dead_letter'::regclass and attname = 'width'"
)


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., Scripts]:
    """Make a version of sql/ with migrations of its own, by their names, and further definitions."""

    def make(version: str, migrations: Mapping[str, str], definitions: str = "") -> Scripts:
        folder = tmp_path / f"sql-{version}-{len(migrations)}"
        shutil.copytree(SQL, folder)
        for name, statements in migrations.items():
            (folder / "migrations" / f"{name}.sql").write_text(statements)
        (folder / "99_more.sql").write_text(definitions)
        return Scripts.read(folder, version)

    return make


@pytest.fixture
def deploy(bare: Database, api: Api, deployer: Deployer) -> Callable[[Scripts], Deployer]:
    """Give what deploys a version to a database that has the present one."""
    deployer.apply(ORDERS)
    return lambda scripts: Deployer(bare, api.url, scripts)


def migrations(database: Database) -> list[str]:
    return database.column('select name from bridge.migration order by name collate "C"')


def version(database: Database) -> str:
    recorded: str = database.scalar("select version from bridge.installation")
    return recorded


def should_record_the_version_and_all_migrations_of_a_first_installation(
    deployer: Deployer, bare: Database, api: Api, release: Callable[..., Scripts]
) -> None:
    assert deployer.deployment.scripts is SCRIPTS
    broken = "select 1 / 0"

    Deployer(bare, api.url, release("9.2.0", {"9.1.0_a": broken, "9.2.0_b": broken})).apply(ORDERS)

    assert version(bare) == "9.2.0"
    assert migrations(bare) == [*(each.name for each in SCRIPTS.migrations), "9.1.0_a", "9.2.0_b"]


def should_apply_what_is_new_once_and_in_order(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts]
) -> None:
    deploy(release("9.9.0", {"9.9.0_note": ADD})).apply(ORDERS)
    assert bare.column(COLUMNS) == ["note"]
    # By their texts, the last would be the first.
    newest = release("9.10.0", {"9.9.0_note": ADD, "9.9.1_remark": RENAME, "9.10.0_no_remark": ADD})

    for _ in range(2):
        deploy(newest).apply(ORDERS)

    assert sorted(bare.column(COLUMNS)) == ["note", "remark"]
    assert migrations(bare)[-3:] == ["9.10.0_no_remark", "9.9.0_note", "9.9.1_remark"]
    assert version(bare) == "9.10.0"


def should_take_all_of_it_back_when_a_migration_fails(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts]
) -> None:
    broken = release("9.2.0", {"9.1.0_note": ADD, "9.2.0_broken": "select 1 / 0"}, WIDER_VIEW)
    before = migrations(bare)

    with pytest.raises(RequirementError, match=r"^migration 9\.2\.0_broken: division by zero"):
        deploy(broken).apply(USERS)

    assert bare.column(COLUMNS) == []
    assert bare.scalar(WIDTH) == 0
    assert (migrations(bare), version(bare)) == (before, SCRIPTS.version)
    assert triggers(bare) == ["bridge_order.created_insert"]


@pytest.mark.parametrize("ending", ["commit", "rollback", "commit; begin", "end and chain", "savepoint a"])
def should_refuse_a_migration_that_ends_its_transaction(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts], ending: str
) -> None:
    before = migrations(bare)
    ended = f"{ADD};\n{ending};\n{RENAME};"

    with pytest.raises(RequirementError, match=r"^migration 9\.2\.0_ended ends its transaction, or begins"):
        deploy(release("9.2.0", {"9.1.0_one": "select 1", "9.2.0_ended": ended})).apply(ORDERS)

    assert bare.column(COLUMNS) == []
    assert (migrations(bare), version(bare)) == (before, SCRIPTS.version)


@pytest.mark.parametrize("scope", ["", "local"])
def should_keep_what_a_migration_sets_from_what_follows(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts], scope: str
) -> None:
    path = bare.scalar("show search_path")
    settings = ("search_path = bridge", "lock_timeout = 7", "datestyle = 'SQL, DMY'")
    sets = ";".join(f"set {scope} {setting}" for setting in settings)
    notes = (
        "create table public.seen as"
        " select current_setting('lock_timeout') as waits, current_setting('search_path') as path"
    )

    deploy(release("9.2.0", {"9.1.0_sets": sets, "9.2.0_notes": notes})).apply(ORDERS)

    assert bare.rows("select * from public.seen") == [["3s", path]]
    # Nor from what the connection is used for next.
    used_next = [bare.scalar(f"show {setting}") for setting in ("search_path", "lock_timeout", "datestyle")]
    assert used_next == [path, "0", "ISO, MDY"]


def should_name_the_file_whose_definitions_fail(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts]
) -> None:
    with pytest.raises(RequirementError, match=r"^99_more\.sql: division by zero"):
        deploy(release("9.1.0", {"9.1.0_note": ADD}, "select 1 / 0")).apply(ORDERS)

    assert bare.column(COLUMNS) == []


def should_take_all_of_it_back_when_the_deployment_is_killed(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts]
) -> None:
    slow = release("9.1.0", {"9.1.0_note": f"{ADD}; select pg_sleep(50) as asleep"})
    with bare.connect() as connection:
        killed = deploy(slow)
        object.__setattr__(killed.deployment, "connect", lambda: connection)
        pid = connection.info.backend_pid
        killer = threading.Thread(target=end_once_asleep, args=[bare, pid])
        killer.start()
        with pytest.raises(ApplyError, match="deploy again"):
            killed.apply(ORDERS)
        killer.join()

    assert bare.column(COLUMNS) == []
    deploy(release("9.1.0", {"9.1.0_note": ADD, "9.1.0_other": "select 1"})).apply(ORDERS)
    assert bare.column(COLUMNS) == ["note"]


def end_once_asleep(database: Database, pid: int) -> None:
    with database.connect() as connection:
        ended = False
        while not ended:
            [ended] = connection.execute(
                "select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity"
                " where pid = %s and wait_event = 'PgSleep'",
                [pid],
            ).fetchone() or [False]
            time.sleep(0.02)


def should_migrate_once_when_two_deploy_at_a_time(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts]
) -> None:
    newer = release("9.1.0", {"9.1.0_note": f"{ADD}; select pg_sleep(0.5)"})
    with bare.connect() as connection:
        other = deploy(newer)
        object.__setattr__(other.deployment, "connect", lambda: connection)
        thread = threading.Thread(target=other.apply, args=[ORDERS])
        thread.start()
        deploy(newer).apply(ORDERS)
        thread.join()

    assert bare.column(COLUMNS) == ["note"]
    assert migrations(bare)[-1:] == ["9.1.0_note"]


def should_lose_nothing_that_is_written_meanwhile(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts]
) -> None:
    newer = release("9.1.0", {"9.1.0_note": f"{ADD}; select pg_sleep(0.3)"})
    over = threading.Event()
    written: list[int] = []

    def write() -> None:
        with bare.connect() as connection:
            while not over.is_set():
                connection.execute("insert into public.orders values (%s)", [len(written)])
                written.append(len(written))

    writer = threading.Thread(target=write)
    writer.start()
    deploy(newer).apply(ORDERS)
    over.set()
    writer.join()

    captured = bare.column(
        "select (e -> 'record' ->> 'id')::integer from bridge.message, "
        "jsonb_array_elements(body -> 'data') as e"
    )
    assert sorted(captured) == written
    assert bare.column(COLUMNS) == ["note"]


@pytest.mark.parametrize("newer", [("9.1.0", {}), (SCRIPTS.version, {"9.1.0_note": ADD})])
def should_leave_what_a_newer_version_installed_and_apply_the_declaration(
    deploy: Callable[[Scripts], Deployer],
    bare: Database,
    release: Callable[..., Scripts],
    newer: tuple[str, dict[str, str]],
) -> None:
    deploy(release(*newer, WIDER_VIEW)).apply(ORDERS)
    before = (version(bare), migrations(bare))

    attributes = deploy(SCRIPTS).apply(USERS)

    assert attributes["Warnings"].startswith("the database has ")
    assert f"9.1.0{'_note' if newer[1] else ''}, which is newer than" in attributes["Warnings"]
    assert (version(bare), migrations(bare)) == before
    assert bare.scalar(WIDTH) == 1
    assert triggers(bare) == ["bridge_user.gone_delete"]


def should_bring_undelivered_messages_of_before_along(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts], deployer: Deployer
) -> None:
    bare.execute("insert into public.orders values (1)")
    bare.execute("update bridge.message set due_at = 'infinity'")
    assert deployer.remove()["messages_kept"] == 1

    deploy(release("9.1.0", {"9.1.0_note": ADD})).apply(ORDERS)

    assert [event["record"] for event in bare.events()] == [{"id": 1}]
    assert bare.column(COLUMNS) == ["note"]


def should_refuse_undelivered_messages_of_a_newer_version(
    deploy: Callable[[Scripts], Deployer], bare: Database, release: Callable[..., Scripts], deployer: Deployer
) -> None:
    deploy(release("9.1.0", {"9.1.0_note": ADD})).apply(ORDERS)
    bare.execute("insert into public.orders values (1)")
    bare.execute("update bridge.message set due_at = 'infinity'")
    assert deployer.remove()["messages_kept"] == 1

    with pytest.raises(RequirementError, match=r"undelivered messages of the schema of 9\.1\.0_note"):
        deployer.apply(ORDERS)

    assert len(bare.column("select id from bridge.message")) == 1


def should_refuse_a_schema_that_is_of_no_release(deployer: Deployer, bare: Database) -> None:
    bare.execute("create schema bridge; create table bridge.message (id uuid)")

    with pytest.raises(RequirementError, match="of no release of this project: rename or drop it"):
        deployer.apply(ORDERS)
