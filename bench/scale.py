"""How much is measured: all of it, or just enough to show that the scripts work."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes and times.

    Attributes:
        rounds: how often each variant is measured, in turn.
        rows: of the large INSERT.
        seconds: that single-row transactions are written in each round.
        rate: single-row transactions a second of the long load.
        load_seconds: of the long load.
        drain_seconds: after its last commit, when nothing may be undelivered any more.
        idle_rounds: single inserts while nothing else happens.
        backlog: events in the outbox that redelivery finds.
        worker_events: that one instance of a worker handles.
        delivered: rows of a grown outbox that are delivered.
        pending: and those that are not.
        curve_rounds: how often each point of a curve is measured.
        curve_rows: rows of a statement.
        curve_widths: bytes of a row.
        curve_counts: webhooks, and targets.
        crowd: invocations that are under way at the same time.
    """

    rounds: int = 5
    rows: int = 20_000
    seconds: int = 3
    rate: int = 1_500
    load_seconds: int = 30
    drain_seconds: int = 15
    idle_rounds: int = 15
    backlog: int = 100_000
    worker_events: int = 3_000
    delivered: int = 10_000_000
    pending: int = 1_000_000
    curve_rounds: int = 3
    curve_rows: tuple[int, ...] = (1, 10, 100, 1_000, 10_000, 100_000)
    curve_widths: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    curve_counts: tuple[int, ...] = (1, 2, 4, 8)
    crowd: int = 200


FULL = Scale()
SMOKE = Scale(
    rounds=1,
    rows=500,
    seconds=1,
    rate=50,
    load_seconds=2,
    drain_seconds=5,
    idle_rounds=1,
    backlog=1_000,
    worker_events=20,
    delivered=2_000,
    pending=200,
    curve_rounds=1,
    curve_rows=(1, 100),
    curve_widths=(100, 1_000),
    curve_counts=(1, 2),
    crowd=25,
)
