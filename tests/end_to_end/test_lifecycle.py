"""Deployed, deployed again, changed, failed and destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.declarations import BASE, CREATED
from tests.end_to_end.deployment import wait_for
from tools.errors import DeployError

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment

REFUNDED = """
[[webhooks]]
name = "refund.created"
table = "public.refunds"
operations = ["insert", "delete"]
target = "process_order"
"""
BASE_TRIGGERS = [
    "bridge_order.changed_update",
    "bridge_order.created_insert",
    "bridge_order.due_insert",
    "bridge_order.due_update",
    "bridge_order.processed_update",
]


def should_tell_what_is_in_place(deployment: Deployment) -> None:
    assert deployment.outputs["Triggers"] == "5"
    assert deployment.outputs["PgNetVersion"] == "not an extension"
    assert float(deployment.outputs["RoundTripMs"]) > 0
    assert deployment.triggers() == BASE_TRIGGERS


def should_take_no_lock_and_change_nothing_when_deployed_again(deployment: Deployment) -> None:
    before = deployment.rows("select xmin::text, * from bridge.installation")
    with deployment.connection.transaction():
        deployment.connection.execute("lock table public.orders, public.refunds in exclusive mode")

        deployment.deploy()

    assert deployment.rows("select xmin::text, * from bridge.installation") == before


def should_add_change_and_remove_webhooks(deployment: Deployment) -> None:
    deployment.deploy(CREATED.replace("new.total > 0", "new.total > 5") + REFUNDED)

    assert deployment.triggers() == [
        "bridge_order.created_insert",
        "bridge_refund.created_delete",
        "bridge_refund.created_insert",
    ]
    cheap = deployment.place(total="4")
    dear = deployment.place()
    deployment.wait_until_processed(dear)
    assert deployment.unprocessed(cheap) == cheap


def should_roll_a_failed_update_back_to_working_triggers(deployment: Deployment) -> None:
    wrong = CREATED.replace('operations = ["insert"]', 'operations = ["insert"]\ncolumns = ["totl"]')

    with pytest.raises(DeployError, match=r'"totl" of webhook "order\.created".*did you mean "total"'):
        deployment.deploy(REFUNDED + wrong)

    assert deployment.triggers() == BASE_TRIGGERS
    deployment.wait_until_processed(deployment.place(10))


def should_take_an_update_back_that_the_database_cannot_reach(deployment: Deployment) -> None:
    nowhere = "http://127.0.0.1:9"

    with pytest.raises(DeployError, match=r"bridge\.ping\(\) to http://127\.0\.0\.1:9"):
        deployment.deploy(BASE + REFUNDED, webhook_url=nowhere)

    assert deployment.triggers() == BASE_TRIGGERS
    deployment.wait_until_processed(deployment.place(10))


@pytest.mark.last
def should_leave_no_trigger_and_no_function_when_destroyed(deployment: Deployment) -> None:
    deployment.wait_until_processed(deployment.place())
    # Workers may still be at orders of other tests, and a message that waits would keep the schema.
    deployment.connection.execute("update bridge.webhook set enabled = false")
    wait_for(lambda: deployment.redeliver().get("pending") == 0)

    deployment.destroy()

    assert deployment.triggers() == []
    assert deployment.column("select to_regnamespace('bridge')") == [None]
    assert deployment.column("select count(*) from vault.secrets") == [0]
