"""What pg_net is handed is signed as Standard Webhooks 1.0 has it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from standardwebhooks.webhooks import Webhook

from tests.databases import SECRET
from tests.signatures import SIGNING, Signing

if TYPE_CHECKING:
    from tests.databases import Database


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key, note text)")
    database.sync(table="public.orders", operations=["insert"])
    return database


def should_be_verified_by_the_standards_own_library(orders: Database) -> None:
    orders.execute("insert into public.orders values (1, 'ünïcode ☃ \" \\ ''')")

    [[url, headers, body]] = orders.rows("select url, headers, body from net.http_request_queue")
    assert url == "https://api.example.com/webhooks/webhook"
    Webhook(SECRET).verify(body, headers)
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == orders.messages()[0]["id"]


@pytest.mark.parametrize("vector", SIGNING, ids=lambda vector: vector.name)
def should_sign_as_everybody_does(database: Database, vector: Signing) -> None:
    secrets = " ".join(secret.removeprefix("whsec_") for secret in vector.secrets)

    signature = database.scalar(
        "select bridge.sign(%s, %s, %s, %s)", [vector.id, vector.timestamp, vector.body, secrets]
    )

    assert signature == vector.signature


def should_sign_with_both_secrets_while_one_rotates(orders: Database) -> None:
    new = base64.b64encode(b"n" * 32).decode()
    orders.execute("select bridge.set_signing_secret(%s)", [f"{new} {SECRET}"])

    orders.execute("insert into public.orders values (1)")

    [[headers, body]] = orders.rows("select headers, body from net.http_request_queue")
    Webhook(SECRET).verify(body, headers)
    Webhook(new).verify(body, headers)


def should_sign_the_ping(orders: Database) -> None:
    request = orders.scalar("select bridge.ping()")

    [[url, headers, body]] = orders.rows(
        "select url, headers, body from net.http_request_queue where id = %s", [request]
    )
    assert url.endswith("/webhooks/bridge.ping")
    assert Webhook(SECRET).verify(body, headers)["data"] == []


@pytest.mark.parametrize("secret", ["", "c2hvcnQ=", f"{SECRET} c2hvcnQ="])
def should_refuse_a_short_secret_without_repeating_it(orders: Database, secret: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="24 to 64 are needed") as refusal:
        orders.execute("select bridge.set_signing_secret(%s)", [secret])
    assert "c2hv" not in str(refusal.value)


@pytest.mark.parametrize("catalog", ["pg_proc", "pg_trigger", "pg_settings", "net.http_request_queue"])
def should_leave_the_secret_nowhere_but_in_vault(orders: Database, catalog: str) -> None:
    orders.execute("insert into public.orders values (1)")

    assert (
        orders.scalar(f"select count(*) from {catalog} as c where position(%s in c::text) > 0", [SECRET]) == 0
    )


def should_grant_the_public_nothing(orders: Database) -> None:
    assert not orders.scalar("select has_schema_privilege('anon', 'bridge', 'usage')")
    assert (
        orders.rows(
            """select p.oid::regprocedure::text from pg_proc as p
        where pronamespace = 'bridge'::regnamespace and has_function_privilege('anon', p.oid, 'execute')"""
        )
        == []
    )
    assert (
        orders.rows(
            """select c.oid::regclass::text from pg_class as c
        where relnamespace = 'bridge'::regnamespace and relkind in ('r', 'v')
        and has_table_privilege('anon', c.oid, 'select')"""
        )
        == []
    )


def should_explain_every_object(orders: Database) -> None:
    assert (
        orders.rows(
            """select p.oid::regprocedure::text from pg_proc as p
        where pronamespace = 'bridge'::regnamespace and obj_description(p.oid, 'pg_proc') is null
        union all
        select c.oid::regclass::text from pg_class as c
        where relnamespace = 'bridge'::regnamespace and relkind in ('r', 'v', 'S')
        and obj_description(c.oid, 'pg_class') is null"""
        )
        == []
    )
