"""What processing an order means: its items are checked against its total, then it is marked processed."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from psycopg import Connection


class TotalMismatchError(Exception):
    """An order's items do not add up to its total."""


def process(order: Mapping[str, Any], db: Connection) -> bool:
    """Process an order within the caller's transaction.

    Args:
        order: a row of public.orders as the event carries it: "id", "items" (a list of "sku", "quantity" and
            "price") and "total".
        db: the connection, in a transaction.

    Returns:
        False if the order has been deleted meanwhile.

    Raises:
        TotalMismatchError: the items do not add up to the total, to the last digit.
    """
    found = db.execute("select id from public.orders where id = %s for update", (order["id"],)).fetchone()
    if found is None:
        return False
    if add_up(order["items"]) != Fraction(order["total"]):
        raise TotalMismatchError(f"the items of order {order['id']} do not add up to its total")
    db.execute(
        # An order that has been paid meanwhile stays so.
        "update public.orders set processed_at = clock_timestamp(),"
        " status = case status when 'pending' then 'processed' else status end where id = %s",
        (order["id"],),
    )
    return True


def add_up(items: Iterable[Mapping[str, Any]]) -> Fraction:
    """Add up quantity times price, exactly: Decimal would round to 28 digits, numeric has more."""
    return sum((Fraction(item["quantity"]) * Fraction(item["price"]) for item in items), start=Fraction(0))
