"""Workers besides process_order: one in Node.js, one that takes longer than a function may."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.end_to_end.deployment import wait_for

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment


def should_render_a_receipt_for_an_order_that_has_been_processed(deployment: Deployment) -> None:
    user = str(uuid4())
    order = deployment.order_of(user)
    wait_for(lambda: deployment.stored(f"receipts/{user}/{order}.pdf").startswith(b"%PDF-"))


def should_expire_an_order_that_is_not_paid_in_time(deployment: Deployment) -> None:
    soon = time.time() + 3
    [due_at] = deployment.column("select to_timestamp(%s)", [soon])
    order = deployment.order_of(str(uuid4()), payment_due_at=due_at)
    wait_for(lambda: deployment.status_of(order) == "expired")
    assert time.time() >= soon
