"""A scenario: what breaks, what mends it, and what of it must be seen."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from faults.counting import Count, Route, count
from faults.errors import UnbrokenError
from faults.world import World, now
from faults.writing import Load

if TYPE_CHECKING:
    from datetime import datetime

FLOW_SECONDS = 6.0
CREATED = Route(webhook="order.created", target="process_order")
DEFAULT_LOAD = Load()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One fault.

    Attributes:
        name: by which it is chosen.
        summary: what breaks and what mends it, in a sentence.
        run: breaks and mends, while rows flow.
        disconnects: whether writers may lose their connection: the database itself is down.
        route: whose effects are counted.
        load: what is written meanwhile.
    """

    name: str
    summary: str
    run: Callable[["Scene"], None]
    disconnects: bool = False
    route: Route = CREATED
    load: Load = DEFAULT_LOAD


def scenario(
    name: str,
    *,
    disconnects: bool = False,
    route: Route = CREATED,
    load: Load = DEFAULT_LOAD,
) -> Callable[[Callable[["Scene"], None]], Scenario]:
    """Make a scenario of a function that breaks and mends; its docstring is the summary."""

    def make(run: Callable[["Scene"], None]) -> Scenario:
        return Scenario(
            name=name,
            summary=" ".join((run.__doc__ or "").split()),
            run=run,
            disconnects=disconnects,
            route=route,
            load=load,
        )

    return make


class Scene:
    """One run of a scenario.

    Attributes:
        world: what it happens to.
        sku: of the orders' only item, which marks its rows.
        first_id: its messages have ids from this one on.
        began_at: when.
    """

    def __init__(self, world: World, told: Scenario) -> None:
        self.world = world
        self.sku = f"{told.name}-{uuid4().hex[:8]}"
        self.first_id: str = world.database.value("select bridge.new_message_id()::text")
        self.began_at: datetime = now()
        self._route = told.route
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

    def failed(self, error: str) -> int:
        """Return how many of its messages failed with an error that begins so."""
        query = """
            select count(*) from bridge.message
            where id >= %(first_id)s and attempts > 0 and starts_with(last_error, %(error)s)
        """
        return int(self.world.database.value(query, {"first_id": self.first_id, "error": error}))

    def count(self, *, with_duplicates: bool = False) -> Count:
        """Count what has arrived by now; duplicates, which takes reading logs, only when asked to."""
        world = self.world
        return count(
            world.database,
            sku=self.sku,
            first_id=self.first_id,
            route=self._route,
            dead_letters=world.cloud.peek(world.dead_letters),
            duplicates=world.cloud.duplicates(world.worker, self.began_at) if with_duplicates else [],
        )
