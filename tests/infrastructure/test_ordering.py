"""What an ordered webhook changes in the template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.infrastructure.bridge_stack import declaration, tables
from tools.local.declaration import write_declaration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.infrastructure.assembly import Assembly

DECLARED = """
[[targets]]
name = "crm"
url = "https://crm.example.com/"

[[webhooks]]
name = "order.changed"
table = "public.orders"
operations = ["update"]
target = ["process_order", "render_receipt", "crm"]

[[webhooks]]
name = "order.paid"
table = "public.orders"
operations = ["update"]
target = ["process_order", "crm"]
ordered = true

[functions.users]
routes = { "GET /users" = ["authenticated"] }
[functions.orders]
routes = { "GET /orders" = ["authenticated"] }
[functions.payments]
routes = { "POST /orders/{id}/payment" = ["authenticated"] }
[functions.health]
routes = { "GET /health" = [] }

[stages.prod]
"""


@pytest.fixture
def bridge(synthesized: Callable[..., Assembly], tmp_path: Path) -> dict[str, Any]:
    file = write_declaration(DECLARED, tmp_path)
    return synthesized("stage=prod", f"config={file}").template("prod-bridge")


def should_keep_the_order_from_the_database_to_the_worker(bridge: dict[str, Any]) -> None:
    ordered = {target["name"] for target in declaration(bridge)["targets"] if target["ordered"]}
    assert ordered == {"process_order", "crm"}

    # Whatever passes the receiver comes in any order.
    receiver = tables(bridge, "receive_webhook")
    webhooks = receiver["WEBHOOKS"]
    assert (webhooks["order.changed"], webhooks.get("order.paid", [])) == (["render_receipt"], [])
    assert "process_order" not in receiver["QUEUES"]
    assert tables(bridge, "redeliver")["TARGETS"]["crm"]["ordered"]

    queues = {
        properties["QueueName"]: properties
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::SQS::Queue" and (properties := resource["Properties"])
    }
    for name in ("process_order", "process_order-dead-letter"):
        properties = queues[f"external-compute-prod-{name}.fifo"]
        assert properties["FifoQueue"] is True
        assert properties["FifoThroughputLimit"] == "perMessageGroupId"
    assert "external-compute-prod-render_receipt" in queues

    # What waits behind a failing event must not lose its attempts with it.
    sizes = {
        json.dumps(resource["Properties"]["EventSourceArn"]): resource["Properties"]["BatchSize"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    }
    assert [size for arn, size in sizes.items() if "ProcessOrder" in arn] == [1]
