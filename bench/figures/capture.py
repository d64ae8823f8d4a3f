"""What capturing adds to writes, and how fast what was captured arrives."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from bench.database import INSERT, Database, insert, pgbench
from bench.figure import Figure
from bench.scale import Scale

# Far more than pg_net sends meanwhile.
WINDOW_SECONDS = 6.0
REACH_STATEMENT, AIM_STATEMENT = 0.45, 0.30
REACH_TRANSACTION, AIM_TRANSACTION = 1.25, 1.0
REACH_ARRIVAL, AIM_ARRIVAL = 50, 100


def measure(database: Database, scale: Scale) -> Iterator[Figure]:
    """Write the same rows, captured in turn by nobody, the bridge, and each alternative."""
    yield from _statements(database, scale)
    yield from _transactions(database, scale)
    yield from _arrivals(database, scale)


def _statements(database: Database, scale: Scale) -> Iterator[Figure]:
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(scale.rounds):
        for variant in ("bare", "bridge", "per_row", "http_request"):
            database.use(variant)
            took[variant].append(insert(database.url, scale.rows) * 1000)
    yield from _beside_each(
        "statement", f"added to an INSERT of {scale.rows:,} rows", took, REACH_STATEMENT, AIM_STATEMENT
    )


def _transactions(database: Database, scale: Scale) -> Iterator[Figure]:
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(scale.rounds):
        for variant in ("bare", "bridge", "per_row", "http_request"):
            database.use(variant)
            took[variant].append(pgbench(database.url, INSERT, "--time", str(scale.seconds)))
    yield from _beside_each(
        "transaction", "added to a single-row transaction", took, REACH_TRANSACTION, AIM_TRANSACTION
    )


def _beside_each(
    name: str, title: str, took: Mapping[str, Sequence[float]], reach: float, aim: float
) -> Iterator[Figure]:
    for alternative, words in (("per_row", "the per-row trigger"), ("http_request", "http_request")):
        yield Figure(
            name=f"{name}_{alternative}",
            title=f"{title}, beside {words}",
            unit="ms",
            ours=took["bridge"],
            theirs=took[alternative],
            base=took["bare"],
            reach=reach,
            aim=aim,
        )


def _arrivals(database: Database, scale: Scale) -> Iterator[Figure]:
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(scale.rounds):
        for variant in ("bridge", "per_row"):
            database.use(variant)
            # Between two batches, pg_net rests for a second.
            time.sleep(1.1)
            database.sink.forget()
            insert(database.url, scale.rows)
            began = time.monotonic()
            ended = database.sink.wait_for(scale.rows, seconds=WINDOW_SECONDS)
            rates[variant].append(database.sink.events / (ended - began))
    yield Figure(
        name="arrival",
        title="events that arrive a second after that INSERT, beside the per-row trigger",
        unit="events/s",
        ours=rates["bridge"],
        theirs=rates["per_row"],
        reach=REACH_ARRIVAL,
        aim=AIM_ARRIVAL,
        at_least=True,
        note=f"sent by {database.pg_net} of pg_net",
    )
