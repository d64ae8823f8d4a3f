"""A deployment is installed whole or not at all, in its turn, however busy the tables are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from apply_sql import installation
from apply_sql.errors import BusyError, RequirementError
from tests.database.apply_sql.deployer import ORDERS, USERS, Api, Deployer, triggers
from tests.databases import WITHOUT_PG_NET

if TYPE_CHECKING:
    from tests.databases import Database


def should_install_and_report(deployer: Deployer, bare: Database) -> None:
    attributes = deployer.apply(ORDERS, USERS)

    assert attributes["Triggers"] == 2
    extension = bare.column("select extversion from pg_extension where extname = 'pg_net'")
    assert [attributes["PgNetVersion"]] == (extension or ["not an extension"])
    assert float(attributes["RoundTripMs"]) > 0
    assert attributes["Ping"].startswith("HTTP 202")
    assert triggers(bare) == ["bridge_order.created_insert", "bridge_user.gone_delete"]


def should_apply_twice_to_the_same_end(deployer: Deployer, bare: Database) -> None:
    deployer.apply(ORDERS)
    before = bare.rows("select oid, tgname from pg_trigger where not tgisinternal")

    deployer.apply(ORDERS)

    assert bare.rows("select oid, tgname from pg_trigger where not tgisinternal") == before


def should_name_what_the_database_lacks_and_change_nothing(deployer: Deployer, bare: Database) -> None:
    bare.execute_as_admin(f"{WITHOUT_PG_NET}; drop schema vault cascade")

    with pytest.raises(RequirementError, match=r"pg_net is missing.*Vault is missing"):
        deployer.apply(ORDERS)

    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_name_what_the_declaration_has_wrong_and_change_nothing(deployer: Deployer, bare: Database) -> None:
    with pytest.raises(RequirementError, match=r'did you mean "public\.orders"'):
        deployer.apply({**ORDERS, "table": "public.order"})

    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_wait_for_a_busy_table(deployer: Deployer, bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "LOCK_TIMEOUT_MS", 100)
    with bare.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.orders values (1)")
        release = threading.Timer(1.0, writer.commit)
        release.start()

        deployer.apply(ORDERS)
        release.join()

    assert triggers(bare) == ["bridge_order.created_insert"]


def should_give_up_on_a_table_that_stays_busy(
    deployer: Deployer, bare: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(installation, "RETRY_SECONDS", 1.0)
    with bare.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.orders values (1)")

        with pytest.raises(BusyError, match="end the long transaction"):
            deployer.apply(ORDERS)
        writer.rollback()

    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_serve_two_deployments_at_a_time(deployer: Deployer, bare: Database, api: Api) -> None:
    with bare.connect() as connection:
        other = Deployer(bare, api.url)
        object.__setattr__(other.deployment, "connect", lambda: connection)
        thread = threading.Thread(target=other.apply, args=[ORDERS])
        thread.start()
        deployer.apply(ORDERS)
        thread.join()

    assert triggers(bare) == ["bridge_order.created_insert"]
