"""What expiring an order means."""

from typing import Any

from psycopg import Connection

UNPAID = ("pending", "processed")
# An execution ends after a year, whatever it waits for.
LONGEST_SECONDS = 365 * 24 * 3600
# In seconds, and by the clock that decides: Step Functions cuts the fraction off a time that it is given, and
# would come back too early, again and again.
_LOOK = """
select status,
  case
    when payment_due_at <= clock_timestamp() then 0
    else ceil(extract(epoch from payment_due_at - clock_timestamp()))::bigint
  end
from public.orders where id = %s for update
"""


def expire_if_due(order_id: int, db: Connection[Any]) -> dict[str, Any]:
    """Expire an order whose payment is overdue, within the caller's transaction; harmless if called again.

    Args:
        order_id: of public.orders.
        db: the connection, in a transaction.

    Returns:
        "status": "expired"; "waiting", with "seconds" until it is due; "too late", if that is more than a
        year; or "over": it is paid, expired already, deleted, or has no due time any more.
    """
    row = db.execute(_LOOK, (order_id,)).fetchone()
    status, seconds = row or (None, None)
    if status not in UNPAID or seconds is None:
        return {"status": "over"}
    if seconds > LONGEST_SECONDS:
        return {"status": "too late"}
    if seconds > 0:
        return {"status": "waiting", "seconds": seconds}
    db.execute("update public.orders set status = 'expired' where id = %s", (order_id,))
    return {"status": "expired"}
