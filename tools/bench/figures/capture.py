"""What capturing adds to writes, and how fast what was captured arrives."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tools.bench.database import INSERT, Database, insert, pgbench
from tools.bench.figure import Figure
from tools.bench.redelivery import Redelivery
from tools.bench.scale import Scale

# Far more than pg_net sends meanwhile.
WINDOW_SECONDS = 6.0
REACH_STATEMENT, AIM_STATEMENT = 0.45, 0.30
REACH_TRANSACTION, AIM_TRANSACTION = 1.25, 1.0
# What redelivery does while a row is written: nothing; promises, as under load; and all of its work, on the
# same cores, beside a pg_net that leaves nine requests of ten for later.
BRIDGES: dict[str, tuple[str, float | None, float | None]] = {
    "asleep": ("asleep", REACH_TRANSACTION, AIM_TRANSACTION),
    "awake": ("awake", REACH_TRANSACTION, AIM_TRANSACTION),
    "delivering": ("awake, delivering all of it from the same cores", None, None),
}
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
    for _ in range(scale.transaction_rounds):
        for variant in ("bare", *BRIDGES, "per_row", "http_request"):
            database.use("bridge" if variant in BRIDGES else variant)
            with _redelivery(database, variant):
                took[variant].append(pgbench(database.url, INSERT, "--time", str(scale.transaction_seconds)))
    for variant, (state, reach, aim) in BRIDGES.items():
        title = f"added to a single-row transaction, redelivery {state}"
        yield from _beside_each(f"transaction_{variant}", title, took, reach, aim, ours=variant)


def _redelivery(database: Database, variant: str) -> contextlib.AbstractContextManager[object]:
    if variant in ("awake", "delivering"):
        return Redelivery(database.url, delivering=variant == "delivering")
    return contextlib.nullcontext()


def _beside_each(  # noqa: PLR0913 - all but three by name
    name: str,
    title: str,
    took: Mapping[str, Sequence[float]],
    reach: float | None,
    aim: float | None,
    *,
    ours: str = "bridge",
) -> Iterator[Figure]:
    for alternative, words in (("per_row", "the per-row trigger"), ("http_request", "http_request")):
        yield Figure(
            name=f"{name}_{alternative}",
            title=f"{title}, beside {words}",
            unit="ms",
            ours=took[ours],
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
