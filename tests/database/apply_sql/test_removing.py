"""A deployment is removed by its owner only, and what was not delivered is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.database.apply_sql.deployer import ORDERS, Deployer, triggers

if TYPE_CHECKING:
    from tests.databases import Database
    from tools.local.pg_net import StandIn


def should_leave_another_owners_installation_alone(deployer: Deployer, bare: Database) -> None:
    deployer.apply(ORDERS)

    assert deployer.remove(owner="other") == {"triggers_dropped": 0, "messages_kept": 0}

    assert triggers(bare) == ["bridge_order.created_insert"]


def should_remove_and_say_what_is_kept(deployer: Deployer, bare: Database, pg_net: StandIn) -> None:
    deployer.apply(ORDERS)
    pg_net.stop()
    bare.execute("insert into public.orders values (1)")

    assert deployer.remove() == {"triggers_dropped": 1, "messages_kept": 1}

    assert triggers(bare) == []
    assert "1 undelivered messages are kept" in deployer.warnings[-1]


def should_remove_twice(deployer: Deployer) -> None:
    deployer.apply(ORDERS)
    assert deployer.remove() == {"triggers_dropped": 1, "messages_kept": 0}

    assert deployer.remove() == {"triggers_dropped": 0, "messages_kept": 0}
