"""How much is measured: all of it, or just enough to show that the scripts work."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes and times.

    Attributes:
        rounds: how often each variant is measured, in turn.
        rows: of the large INSERT.
        transaction_rounds: how often single-row transactions are measured; they differ by little.
        transaction_seconds: of each.
        seconds: that single-row transactions are written in each round of a grown outbox.
        rate: single-row transactions a second of the long load.
        load_seconds: of the long load.
        drain_seconds: after its last commit, when nothing may be undelivered any more.
        rest_inserts: single inserts, each after three quiet seconds.
        arrival_rounds: how often each rate is measured, in turn.
        arrival_rates: single-row transactions a second.
        arrival_seconds: of each.
        patience_seconds: after the last commit, when nothing may wait any more.
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
    transaction_rounds: int = 11
    transaction_seconds: int = 2
    seconds: int = 3
    rate: int = 1_500
    load_seconds: int = 30
    drain_seconds: int = 15
    rest_inserts: int = 20
    arrival_rounds: int = 3
    arrival_rates: tuple[int, ...] = (10, 100, 1_000)
    arrival_seconds: int = 10
    patience_seconds: int = 10
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
    transaction_rounds=1,
    transaction_seconds=1,
    seconds=1,
    rate=50,
    load_seconds=2,
    drain_seconds=5,
    rest_inserts=1,
    arrival_rounds=1,
    arrival_rates=(20,),
    arrival_seconds=2,
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
