"""The Supabase that the environment names, tokens of a run, and the small pool of its stand-in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import jwt
import psycopg
import pytest

from tools.errors import LocalError
from tools.local import supabase
from tools.local.state import State
from tools.local.supabase_api import database as pooling
from tools.local.supabase_api.database import Pool
from tools.local.supabase_api.errors import BusyError, UnreachableError, from_database
from tools.local.supabase_api.given import Given
from tools.local.supabase_api.keys import Keys
from tools.local.system import System

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Database
    from tests.servers import Server

ENVIRONMENT = {
    "SUPABASE_URL": "https://supabase.example.com/",
    "SUPABASE_ANON_KEY": "anon",
    "SUPABASE_SERVICE_ROLE_KEY": "service",
    "SUPABASE_JWT_SECRET": "secret of at least thirty-two bytes",
    "DATABASE_URL": "postgresql://x",
}


def should_use_the_supabase_that_the_environment_names() -> None:
    given = Given.from_environment(ENVIRONMENT)
    assert given is not None
    assert (given.url, given.keys.anon_key) == ("https://supabase.example.com", "anon")
    assert Given.from_environment({"SUPABASE_ANON_KEY": "anon"}) is None


def should_say_what_of_a_given_supabase_is_missing() -> None:
    some = {name: ENVIRONMENT[name] for name in ("SUPABASE_URL", "SUPABASE_ANON_KEY")}
    with pytest.raises(LocalError) as missing:
        Given.from_environment(some)
    for name in ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_JWT_SECRET", "DATABASE_URL"):
        assert name in str(missing.value)
    assert "ANON_KEY is" not in str(missing.value)
    with pytest.raises(LocalError, match="must begin with http"):
        Given.from_environment(ENVIRONMENT | {"SUPABASE_URL": "localhost:8000"})


def should_say_it_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUPABASE_URL", "http://localhost:8000")
    steps: list[str] = []
    with pytest.raises(LocalError, match="SUPABASE_ANON_KEY"):
        System(log_directory=tmp_path, say=steps.append).start()
    assert steps == []


def should_issue_tokens_as_auth_does() -> None:
    keys = Keys.generate()
    claims = jwt.decode(
        keys.token("ada", issuer="http://x/auth/v1", plan="free"),
        keys.jwt_secret,
        algorithms=["HS256"],
        audience="authenticated",
        issuer="http://x/auth/v1",
    )
    assert (claims["sub"], claims["role"], claims["plan"]) == ("ada", "authenticated", "free")
    assert claims["exp"] - claims["iat"] == 3600
    shown = jwt.PyJWK.from_dict(keys.jwks()["keys"][0])
    token = keys.token("ada", issuer="x", algorithm="ES256", aud=None)
    assert jwt.get_unverified_header(token)["kid"] == shown.key_id
    assert "aud" not in jwt.decode(token, shown, algorithms=["ES256"])
    assert "sub" not in jwt.decode(
        keys.token("", issuer="x"), keys.jwt_secret, algorithms=["HS256"], audience="authenticated"
    )


def should_not_sign_for_a_given_supabase() -> None:
    given = Given.from_environment(ENVIRONMENT)
    assert given is not None
    assert given.keys.jwks() == {"keys": []}
    with pytest.raises(LocalError, match="HS256"):
        given.keys.token("ada", issuer="x", algorithm="ES256")


def should_keep_addresses_and_keys_for_those_who_attach(tmp_path: Path) -> None:
    system = System(log_directory=tmp_path)
    system.supabase_url, system.stripe_url, system.stripe_key = "http://a", "http://b", "sk_test_c"
    system._keys = Keys.generate()  # noqa: SLF001 - what start() sets
    path = tmp_path / "state.json"
    system.state().write(path)
    assert path.stat().st_mode & 0o077 == 0
    state = State.read(path)
    assert state is not None
    attached = System(log_directory=tmp_path)._attach(state)  # noqa: SLF001 - what running_or_started() does
    for name in ("supabase_url", "stripe_url", "stripe_key", "anon_key", "service_role_key", "jwt_secret"):
        assert getattr(attached, name) == getattr(system, name) != ""
    algorithms: list[Any] = ["HS256", "ES256"]
    assert [attached.token("ada", algorithm=name).count(".") for name in algorithms] == [2, 2]


def should_time_out_when_every_connection_is_taken(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "PATIENCE_SECONDS", 0.1)

    async def use() -> None:
        pool = Pool(server.url(database.name, "authenticator"), "test", size=1)
        async with pool.transaction():
            with pytest.raises(BusyError):
                async with pool.transaction():
                    pass
        async with pool.transaction() as transaction:
            assert await transaction.rows("select 1") == [(1,)]
        await pool.close()

    asyncio.run(use())


def should_tell_a_busy_pool_from_a_database_that_is_down() -> None:
    answers = [from_database(error, "anon") for error in (BusyError(), UnreachableError("no"))]
    assert [(answer.status, answer.body["code"]) for answer in answers] == [
        (504, "PGRST003"),
        (503, "PGRST000"),
    ]
    lost = from_database(psycopg.OperationalError("server closed the connection"), "anon")
    assert (lost.status, lost.body["code"]) == (503, "PGRST001")


def should_let_the_role_of_a_given_database_act_as_callers(server: Server, database: Database) -> None:
    supabase.let_act_as_callers(database.url)
    name = f"outsider_{database.name[-8:]}"
    database.execute_as_admin(f"create role {name} login password 'x'")
    try:
        address = server.url(database.name).replace("://postgres:", f"://{name}:")
        password = address.partition(f"{name}:")[2].partition("@")[0]
        database.execute_as_admin(f"alter role {name} password '{password}'")
        with pytest.raises(LocalError, match=f"grant anon to {name}"):
            supabase.let_act_as_callers(address)
    finally:
        database.execute_as_admin(f"drop role {name}")
