"""The effect of examples/shop/workers/process_order, in plain psycopg: no verification, nothing remembered.

A transaction for each event, as the worker has it: what one event does must not depend on another's.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import psycopg


def handle(records: Sequence[dict[str, str]], connection: psycopg.Connection) -> None:
    """Process the orders of a batch of SQS records."""
    for record in records:
        order = json.loads(record["body"], parse_float=Decimal)["record"]
        with connection.transaction():
            found = connection.execute(
                "select id from public.orders where id = %s for update", (order["id"],)
            ).fetchone()
            if found is None:
                continue
            total = sum(Fraction(item["quantity"]) * Fraction(item["price"]) for item in order["items"])
            if total != Fraction(order["total"]):
                raise ValueError(f"order {order['id']} doesn't add up")
            connection.execute(
                "update public.orders set processed_at = clock_timestamp(),"
                " status = case status when 'pending' then 'processed' else status end where id = %s",
                (order["id"],),
            )
