"""The connections of an instance: few, handed on, given up in time, closed when nothing is under way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from examples.shop.tests.edge.vercel_shop import ADA, BOB, PASSWORD, ROOT, edge_url
from tests.certificates import make_certificate
from tests.fixtures import clone
from tools.local.postgres import Server
from vercel_app.database import MAX_CONNECTIONS, Caller, Database
from vercel_app.deadline import Deadline
from vercel_app.errors import LostTransactionError, SettingsError, SlowError, UnavailableError
from vercel_app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests import databases

pytestmark = pytest.mark.xdist_group("vercel_database")


@pytest.fixture(scope="module")
def shop(server: Server, bridge_template: str) -> Iterator[databases.Database]:
    with contextlib.contextmanager(clone)(server, bridge_template) as database:
        for file in (ROOT / "examples" / "shop" / "schema.sql", ROOT / "examples" / "shop" / "role.sql"):
            database.execute(file.read_bytes())
        database.execute(f"alter role edge password '{PASSWORD}'")
        yield database


def made(shop: databases.Database, **environment: str) -> Database:
    given = {"DATABASE_URL": edge_url(shop), "DATABASE_TLS": "disable"}
    return Database(Settings(given | environment))


async def backend(database: Database) -> int:
    """Run a transaction; return the process of the server that served it."""
    async with database.transaction(Deadline(5)) as db:
        cursor = await db.execute("select pg_backend_pid()")
        [pid] = await cursor.fetchone() or [0]
    return int(pid)


def connected(shop: databases.Database) -> int:
    count: int = shop.scalar(
        "select count(*) from pg_stat_activity where usename = 'edge' and datname = current_database()"
    )
    return count


def gone(shop: databases.Database) -> bool:
    """Whether the server knows of no connection any more, which it may notice a moment later."""
    until = time.monotonic() + 5
    while connected(shop):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def should_hand_a_connection_on_and_close_it_when_the_last_request_ends(shop: databases.Database) -> None:
    async def scene() -> tuple[int, int, int]:
        database = made(shop)
        async with database.in_use():
            first = await backend(database)
            async with database.in_use():
                second = await backend(database)
            return first, second, connected(shop)

    assert gone(shop)
    first, second, kept = asyncio.run(scene())

    assert (first == second, kept) == (True, 1)
    assert gone(shop)


def should_have_no_more_than_a_few_however_many_ask_at_once(shop: databases.Database) -> None:
    async def hold(database: Database) -> int:
        async with database.in_use(), database.transaction(Deadline(5)) as db:
            await db.execute("select pg_sleep(0.05)")
            return await asyncio.to_thread(connected, shop)

    async def scene() -> list[int]:
        database = made(shop)
        return await asyncio.gather(*(hold(database) for _ in range(12)))

    assert gone(shop)
    assert max(asyncio.run(scene())) == MAX_CONNECTIONS
    assert gone(shop)


def should_not_wait_for_ever_for_a_connection_of_the_instance(shop: databases.Database) -> None:
    async def scene() -> None:
        database = made(shop)
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(MAX_CONNECTIONS):
                await stack.enter_async_context(database.transaction(Deadline(5)))
            await stack.enter_async_context(database.transaction(Deadline(0.3)))

    with pytest.raises(UnavailableError, match="every connection to Postgres is taken"):
        asyncio.run(scene())
    assert gone(shop)


def should_begin_on_another_connection_when_the_one_that_was_kept_is_lost(shop: databases.Database) -> None:
    async def scene() -> tuple[int, int]:
        database = made(shop)
        async with database.in_use():
            first = await backend(database)
            shop.execute_as_admin(f"select pg_terminate_backend({first}, 5000)")
            return first, await backend(database)

    first, second = asyncio.run(scene())

    assert first != second


def should_say_that_a_connection_broke_within_a_transaction(shop: databases.Database) -> None:
    async def scene() -> None:
        async with made(shop).transaction(Deadline(5)) as db:
            shop.execute_as_admin(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where usename = 'edge' and datname = current_database()"
            )
            await db.execute("select 1")

    with pytest.raises(UnavailableError, match="the connection to Postgres broke"):
        asyncio.run(scene())


def should_let_postgres_end_a_statement_that_takes_too_long(shop: databases.Database) -> None:
    async def scene() -> None:
        async with made(shop).transaction(Deadline(0.5)) as db:
            await db.execute("select pg_sleep(10)")

    with pytest.raises(psycopg.errors.QueryCanceled):
        asyncio.run(scene())
    assert gone(shop)


def should_give_up_a_statement_that_postgres_does_not_end(
    shop: databases.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vercel_app.database._GRACE_SECONDS", 0.1)

    async def scene() -> None:
        async with made(shop).transaction(Deadline(0.3)) as db:
            await db.execute("set local statement_timeout = 0")
            await db.execute("select pg_sleep(1)")

    began = time.monotonic()
    with pytest.raises(SlowError, match="Postgres did not answer in time"):
        asyncio.run(scene())
    assert time.monotonic() - began < 0.9


def should_give_up_a_server_that_says_nothing(shop: databases.Database) -> None:
    async def scene(port: int) -> None:
        database = made(shop, DATABASE_URL=f"postgresql://edge:secret@127.0.0.1:{port}/postgres")
        async with database.transaction(Deadline(1)):
            pass

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="Postgres is out of reach"):
            asyncio.run(scene(silent.getsockname()[1]))
    assert time.monotonic() - began < 3


def should_not_ask_when_no_time_is_left(shop: databases.Database) -> None:
    async def scene() -> None:
        async with made(shop, DATABASE_URL="").transaction(Deadline(0.1)):
            pass

    with pytest.raises(SlowError, match="too little time was left"):
        asyncio.run(scene())


def should_act_as_the_caller_for_one_transaction_only(shop: databases.Database) -> None:
    for user in (ADA, BOB):
        shop.execute("insert into public.orders (user_id, total) values (%s, 1)", [user])
    caller = Caller(role="authenticated", claims={"sub": ADA, "role": "authenticated"})

    async def owners(database: Database, caller: Caller | None) -> list[str]:
        async with database.transaction(Deadline(5), caller=caller) as db:
            cursor = await db.execute("select distinct user_id::text from public.orders order by 1")
            return [owner async for (owner,) in cursor]

    async def scene() -> tuple[list[str], list[str]]:
        database = made(shop)
        async with database.in_use():
            return await owners(database, caller), await owners(database, None)

    assert asyncio.run(scene()) == ([ADA], [ADA, BOB])


def should_say_that_the_role_is_not_granted(shop: databases.Database) -> None:
    async def scene() -> None:
        caller = Caller(role="service_role", claims={})
        async with made(shop).transaction(Deadline(5), caller=caller):
            pass

    with pytest.raises(SettingsError, match=r'may not act as "service_role": run role\.sql'):
        asyncio.run(scene())


async def _hidden(db: Any) -> None:
    with contextlib.suppress(psycopg.Error):
        await db.execute("select 1 / 0")


async def _rolled_back(_: Any) -> None:
    raise psycopg.Rollback


@pytest.mark.parametrize(
    "spoil",
    [
        lambda db: db.execute("rollback"),
        lambda db: db.execute("commit"),
        _hidden,
        _rolled_back,
    ],
    ids=["rollback", "commit", "hidden error", "Rollback"],
)
def should_not_pass_for_committed_what_is_not(shop: databases.Database, spoil: Any) -> None:
    async def scene() -> None:
        async with made(shop).transaction(Deadline(5)) as db:
            await spoil(db)

    with pytest.raises(LostTransactionError):
        asyncio.run(scene())
    assert gone(shop)


@pytest.fixture(scope="module")
def tls_server() -> Iterator[tuple[str, str]]:
    """The address of a server whose certificate is for localhost, not for 127.0.0.1; and that certificate."""
    with Server(fsync=False) as server, psycopg.connect(server.admin_url(), autocommit=True) as admin:
        [[directory]] = admin.execute("show data_directory")
        certificate = make_certificate(Path(directory))
        admin.execute("alter system set ssl = on")
        admin.execute("select pg_reload_conf()")
        yield server.url(), certificate


def encrypted(url: str, **environment: str) -> bool:
    """Connect, and tell whether the connection is encrypted."""

    async def scene() -> bool:
        async with Database(Settings({"DATABASE_URL": url, **environment})).transaction(Deadline(5)) as db:
            cursor = await db.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
            return await cursor.fetchone() == (True,)

    return asyncio.run(scene())


def should_verify_whose_certificate_it_is_unless_told_otherwise(tls_server: tuple[str, str]) -> None:
    url, certificate = tls_server
    by_name = url.replace("127.0.0.1", "localhost")

    assert encrypted(by_name, DATABASE_CA_CERTIFICATE=certificate)
    assert encrypted(url, DATABASE_CA_CERTIFICATE=certificate, DATABASE_TLS="verify-ca")
    assert encrypted(url, DATABASE_TLS="require")
    assert not encrypted(f"{url}?sslmode=require", DATABASE_TLS="disable")
    for refused, given in (
        (url, {"DATABASE_CA_CERTIFICATE": certificate}),
        (f"{by_name}?sslmode=disable", {}),
    ):
        with pytest.raises(UnavailableError) as raised:
            encrypted(refused, **given)
        assert 'check DATABASE_CA_CERTIFICATE and DATABASE_TLS (now "verify-full")' in raised.value.reason


def should_say_that_the_server_has_no_certificate(shop: databases.Database) -> None:
    with pytest.raises(UnavailableError) as raised:
        encrypted(edge_url(shop), DATABASE_TLS="require")
    assert 'give the server a certificate, or set DATABASE_TLS to "disable"' in raised.value.reason
    assert f":{PASSWORD}@" not in raised.value.reason
