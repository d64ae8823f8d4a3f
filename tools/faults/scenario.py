"""A scenario: what breaks, what mends it, and what of it must be seen."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from tools.faults.counting import Count, Route, count
from tools.faults.errors import BrokenError, UnbrokenError
from tools.faults.world import World, now
from tools.faults.writing import Load

if TYPE_CHECKING:
    from datetime import datetime

FLOW_SECONDS = 6.0
CREATED = Route(webhook="order.created", target="process_order")
DEFAULT_LOAD = Load()
# A second is usual; a busy machine, and a batch of pg_net's that its slowest request holds up, take more.
LATE_SECONDS = 10
TRIED = """
select count(*) from bridge.message as m, jsonb_array_elements(m.tried) as attempt
where m.id >= %(first_id)s and attempt ->> 'by' = %(by)s and starts_with(attempt ->> 'answer', %(answer)s)
"""
LATE = """
select count(*) from public.orders as o
where items #>> '{0,sku}' = %(sku)s and created_at < clock_timestamp() - make_interval(secs => %(seconds)s)
  and not exists (select from faults.effect as e where e.order_id = o.id and e.by = %(target)s)
"""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One fault.

    Attributes:
        name: by which it is chosen.
        summary: what breaks and what mends it, in a sentence.
        run: breaks and mends, while rows flow.
        disconnects: whether writers may lose their connection: the database itself is down.
        routes: whose effects are counted; the first is the one that the table shows.
        load: what is written meanwhile.
        prompt: whether all is delivered soon after the last write, with nobody's help.
    """

    name: str
    summary: str
    run: Callable[["Scene"], None]
    disconnects: bool = False
    routes: tuple[Route, ...] = (CREATED,)
    load: Load = DEFAULT_LOAD
    prompt: bool = False


def scenario(
    name: str,
    *,
    disconnects: bool = False,
    routes: tuple[Route, ...] = (CREATED,),
    load: Load = DEFAULT_LOAD,
    prompt: bool = False,
) -> Callable[[Callable[["Scene"], None]], Scenario]:
    """Make a scenario of a function that breaks and mends; its docstring is the summary."""

    def make(run: Callable[["Scene"], None]) -> Scenario:
        return Scenario(
            name=name,
            summary=" ".join((run.__doc__ or "").split()),
            run=run,
            disconnects=disconnects,
            routes=routes,
            load=load,
            prompt=prompt,
        )

    return make


class Scene:
    """One run of a scenario.

    Attributes:
        world: what it happens to.
        sku: of the orders' only item, which marks its rows.
        first_id: its messages have ids from this one on.
        began_at: when.
        routes: whose effects are counted.
    """

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.sku = f"{scenario.name}-{uuid4().hex[:8]}"
        self.first_id: str = world.database.value("select bridge.new_message_id()::text")
        self.began_at: datetime = now()
        self.routes = scenario.routes
        self._lasting = contextlib.ExitStack()

    def until_settled(self, change: contextlib.AbstractContextManager[object]) -> None:
        """Enter what is left only when nothing is on its way any more."""
        self._lasting.enter_context(change)

    def close(self) -> None:
        """Leave it."""
        self._lasting.close()

    def flow(self, seconds: float = FLOW_SECONDS) -> None:
        """Let rows flow, beyond the time that pg_net has for a message unless told otherwise."""
        time.sleep(seconds)

    def require(self, seen: object, what: str) -> None:
        """Require that the fault was met.

        Raises:
            UnbrokenError: it was not.
        """
        if not seen:
            raise UnbrokenError(f"the fault was not met: {what}")

    def expect(self, seen: object, what: str) -> None:
        """Expect of the bridge what counting alone does not show.

        Raises:
            BrokenError: it is not so.
        """
        if not seen:
            raise BrokenError(what)

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float = 20) -> None:
        """Wait until something is so.

        Raises:
            UnbrokenError: it was not.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.require(time.monotonic() < deadline, f"{what} (waited {seconds:.0f} s)")
            time.sleep(0.1)

    def pending(self) -> int:
        """Return how many of its messages are not known to be delivered."""
        query = "select count(*) from bridge.message where state = 'pending' and id >= %(first_id)s"
        return int(self.world.database.value(query, {"first_id": self.first_id}))

    def tried(self, answer: str, *, by: str = "pg_net") -> int:
        """Return how many attempts at its messages were answered so, up to a beginning of the answer."""
        return int(self.world.database.value(TRIED, {"first_id": self.first_id, "answer": answer, "by": by}))

    def late(self, target: str) -> int:
        """Return how many of its rows have had no effect at a target though they are seconds old."""
        values = {"sku": self.sku, "target": target, "seconds": LATE_SECONDS}
        return int(self.world.database.value(LATE, values))

    def count(self) -> Count:
        """Count what has arrived by now on the first route."""
        return self.counts()[0]

    def counts(self, *, with_duplicates: bool = False) -> list[Count]:
        """Count what has arrived by now on each route; duplicates, read from logs, only when asked to."""
        world = self.world
        dead_letters = world.cloud.peek(world.dead_letters)
        duplicates = world.cloud.duplicates(world.worker, self.began_at) if with_duplicates else []
        return [
            count(
                world.database,
                sku=self.sku,
                first_id=self.first_id,
                route=route,
                dead_letters=dead_letters,
                duplicates=duplicates,
            )
            for route in self.routes
        ]
