"""What is compared: the rows that are committed, the events that arrived, the effects that they had."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.faults.database import Database

ORDERS = """
select id, total = 9.99 from public.orders where items #>> '{0,sku}' = %(sku)s
"""
EVENTS = """
select event ->> 'id', (event #>> '{record,id}')::bigint
from bridge.message as m, jsonb_array_elements(m.body -> 'data') as event
where m.id >= %(first_id)s and m.webhook = %(webhook)s and m.target = %(target)s
  and event #>> '{record,items,0,sku}' = %(sku)s
"""
PROCESSED = (
    "select event_id from bridge.processed_event where worker = %(target)s and event_id = any (%(ids)s)"
)
EFFECTS = "select order_id from faults.effect where by = %(target)s and order_id = any (%(orders)s)"


@dataclass(frozen=True, kw_only=True)
class Route:
    """A webhook, and the target of it whose effects are counted."""

    webhook: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Count:
    """One scenario's rows, events and effects.

    Attributes:
        inserted: rows that are committed.
        mistaken: those of them that can't be processed.
        captured: for each row, how many events of the outbox tell of it, where that isn't one.
        delivered: events that the target has processed or, for mistaken rows, given up.
        effects: what the target did, each time counted.
        repeated: rows with more than one effect.
        missing: rows without an effect that should have one.
        dead: events of mistaken rows in the worker's dead-letter queue.
        unwarranted: events in the dead-letter queue of rows that nothing is wrong with.
        duplicates_dropped: events that came again and were dropped.
        pending: messages that are not known to be delivered.
    """

    inserted: int
    mistaken: int = 0
    captured: dict[int, int] = field(default_factory=dict)
    delivered: int = 0
    effects: int = 0
    repeated: int = 0
    missing: int = 0
    dead: int = 0
    unwarranted: int = 0
    duplicates_dropped: int = 0
    pending: int = 0

    @property
    def lost(self) -> int:
        """Rows whose event neither took effect nor lies where a person finds it."""
        return self.missing + max(self.mistaken - self.dead, 0)

    @property
    def settled(self) -> bool:
        """Whether nothing is on its way any more."""
        return not self.lost and not self.pending

    def problems(self) -> list[str]:
        """Return what is not as it must be, in words."""
        found = {
            f"{self.lost} of {self.inserted} committed rows are lost": self.lost,
            f"{self.repeated} rows had their effect more than once": self.repeated,
            f"{self.effects} effects of {self.inserted - self.mistaken} rows": (
                self.effects != self.inserted - self.mistaken
            ),
            f"{len(self.captured)} rows don't have one event each": self.captured,
            f"{self.unwarranted} events of good rows are in the dead-letter queue": self.unwarranted,
            f"{self.pending} messages are still pending": self.pending,
            "no row was committed": not self.inserted,
        }
        return [words for words, wrong in found.items() if wrong]


def count(  # noqa: PLR0913 - all of them tell one scenario's rows from others
    database: Database,
    *,
    sku: str,
    first_id: str,
    route: Route,
    dead_letters: Sequence[dict[str, Any]],
    duplicates: Sequence[str],
) -> Count:
    """Count one scenario.

    Args:
        database: to ask.
        sku: that marks the scenario's rows.
        first_id: its messages have ids from this one on.
        route: where its events go.
        dead_letters: the events in the worker's dead-letter queue.
        duplicates: ids of events that came again.
    """
    values: dict[str, Any] = {"sku": sku, "first_id": first_id, **vars(route)}
    orders: dict[int, bool] = dict(database.rows(ORDERS, values))
    events: dict[str, int] = dict(database.rows(EVENTS, values))
    processed = {row[0] for row in database.rows(PROCESSED, values | {"ids": list(events)})}
    effects = Counter(row[0] for row in database.rows(EFFECTS, values | {"orders": list(orders)}))
    dead = {events[letter["id"]] for letter in dead_letters if letter["id"] in events}
    good = {order for order, right in orders.items() if right}
    told = Counter(events.values())
    return Count(
        inserted=len(orders),
        mistaken=len(orders) - len(good),
        captured={
            order: told[order] for order in orders.keys() | told.keys() if told[order] != (order in orders)
        },
        delivered=len(processed | {event for event, order in events.items() if order in dead}),
        effects=effects.total(),
        repeated=sum(times > 1 for times in effects.values()),
        missing=len(good - effects.keys()),
        dead=len(dead - good),
        unwarranted=len(dead & good),
        duplicates_dropped=sum(event in events for event in duplicates),
        pending=database.value(
            "select count(*) from bridge.message where state = 'pending' and id >= %(first_id)s", values
        ),
    )
