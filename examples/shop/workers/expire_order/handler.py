"""The task of the state machine: it expires the order if it is due, or says how long there is to wait."""

from typing import Any

from psycopg import Connection

from bridge.task import task
from expire_order.expiry import expire_if_due


@task
def handler(state: dict[str, Any], db: Connection) -> dict[str, Any]:
    """Look at the order of the state's "order_id"; what is returned becomes the state's "expiry"."""
    return expire_if_due(state["order_id"], db)
