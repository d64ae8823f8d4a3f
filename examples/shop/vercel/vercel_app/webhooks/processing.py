"""Handling the events of a message, each exactly once."""

from collections.abc import Awaitable, Callable, Sequence

from vercel_app import logs
from vercel_app.connecting import Connection
from vercel_app.database import Database
from vercel_app.deadline import Deadline
from vercel_app.errors import SettingsError, UnavailableError
from vercel_app.webhooks.message import Event
from vercel_app.webhooks.thin import whole

# Under which processed events are remembered; each platform has its own.
WORKER = "vercel"
MIN_SECONDS = 1.0
_RECORD = """
insert into bridge.processed_event (worker, event_id) values (%s, %s)
on conflict do nothing returning event_id
"""
_RECORDED = "select event_id from bridge.processed_event where worker = %s and event_id = any(%s)"

# What one event of a webhook does. What it writes with the connection happens exactly once.
Handler = Callable[[Event, Connection], Awaitable[None]]


async def process(events: Sequence[Event], handle: Handler, database: Database, deadline: Deadline) -> int:
    """Handle events, each in a transaction of its own that also records its id.

    A duplicate has no second effect; an event that fails leaves the others as they are.

    Args:
        events: of one message.
        handle: what each of them does.
        database: where.
        deadline: after which no further event is begun; the next delivery goes on there.

    Returns:
        How many were not handled.

    Raises:
        SettingsError, UnavailableError: Postgres can't be reached, or not any more; what came before is done.
    """
    failed = 0
    waiting = await _unhandled(events, database, deadline)
    for index, event in enumerate(waiting):
        if deadline.left() < MIN_SECONDS:
            logs.warning("no time was left for all events", webhook=event.type, left=len(waiting) - index)
            return failed + len(waiting) - index
        try:
            await _process(event, handle, database, deadline)
        except (SettingsError, UnavailableError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a handler raises fails this event alone
            failed += 1
            logs.error("event failed", webhook=event.type, event_id=event.id, **logs.describe(error))
    return failed


async def _unhandled(events: Sequence[Event], database: Database, deadline: Deadline) -> Sequence[Event]:
    """Leave out what an earlier delivery has done, so that each gets further than the one before."""
    if len(events) <= 1:
        return events
    async with database.transaction(deadline) as db:
        cursor = await db.execute(_RECORDED, [WORKER, [event.id for event in events]])
        done = {event_id async for (event_id,) in cursor}
    return [event for event in events if event.id not in done]


async def _process(event: Event, handle: Handler, database: Database, deadline: Deadline) -> None:
    async with database.transaction(deadline) as db:
        recorded = await db.execute(_RECORD, [WORKER, event.id])
        if await recorded.fetchone():
            await handle(await whole(event, db), db)
