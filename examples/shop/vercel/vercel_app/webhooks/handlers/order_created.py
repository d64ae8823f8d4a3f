"""order.created: notes that this platform has heard of the order."""

from vercel_app.connecting import Connection
from vercel_app.webhooks.message import Event


async def handle(event: Event, db: Connection) -> None:
    """Write one notice of the order."""
    await db.execute(
        "insert into public.order_notices (order_id, channel) values (%s, 'vercel')", [event.row["id"]]
    )
