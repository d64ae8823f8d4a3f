"""Listing orders, straight from Postgres."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from bridge import cursors
from orders.models import Order, OrderPage, Status

_SELECT = """
select id, user_id, items, total, currency, status, payment_due_at, processed_at, created_at
from public.orders
"""
_CONDITIONS = {"status": "status = %(status)s", "before": "id < %(before)s"}


def page(db: psycopg.Connection[Any], *, status: Status | None, limit: int, cursor: str | None) -> OrderPage:
    """Return the orders that the transaction's role may see, the newest first.

    Args:
        db: a transaction as the caller.
        status: only orders of this status; None: all.
        limit: of orders, 1 to 100.
        cursor: the previous page's; None: the first page.

    Raises:
        psycopg.Error: they could not be read.
    """
    values: dict[str, Any] = {"limit": limit + 1}
    if status is not None:
        values["status"] = status.value
    if cursor is not None:
        values["before"] = cursors.to_int64(cursor)
    # Only the conditions that are asked for, so that each has its index.
    where = " and ".join(condition for name, condition in _CONDITIONS.items() if name in values)
    query = f"{_SELECT}{f'where {where}' if where else ''} order by id desc limit %(limit)s"
    with db.cursor(row_factory=dict_row) as cursor_:
        rows = cursor_.execute(query.encode(), values).fetchall()
    # One more than asked for tells whether there is a next page.
    orders = [Order.model_validate(row) for row in rows[:limit]]
    return OrderPage(
        orders=orders, next_cursor=cursors.of_int64(orders[-1].id) if len(rows) > limit else None
    )
