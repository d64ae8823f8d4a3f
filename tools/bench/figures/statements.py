"""How the cost of capturing a statement grows: with its rows, their width, and who is told of them."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

import psycopg

from tools.bench.curve import Curve
from tools.bench.database import TARGET, WEBHOOK, Database, insert
from tools.bench.scale import Scale

BRIDGE, PER_ROW, BARE = "bridge", "per_row", "bare"
NAMES = {BRIDGE: "the bridge", PER_ROW: "the per-row trigger"}
# So many rows that a thousand bytes in each make a megabyte.
ROWS = 1_000


def measure(database: Database, scale: Scale) -> Iterator[Curve]:
    """Grow one at a time; what the bare statement takes is taken off."""
    yield _curve(
        "rows",
        "added to an INSERT for each of its rows",
        x="rows in the statement",
        unit="microseconds",
        points=scale.curve_rows,
        lines={
            NAMES[variant]: [_added(database, scale, variant, rows) / rows * 1e6 for rows in scale.curve_rows]
            for variant in (BRIDGE, PER_ROW)
        },
    )
    rows = min(ROWS, scale.rows)
    yield _curve(
        "width",
        f"added to an INSERT of {rows:,} rows",
        x="bytes in each row, random",
        unit="ms",
        points=scale.curve_widths,
        lines={
            NAMES[variant]: [
                _added(database, scale, variant, rows, width=width) * 1e3 for width in scale.curve_widths
            ]
            for variant in (BRIDGE, PER_ROW)
        },
    )
    for name, title, declared in (
        ("webhooks", "webhooks on the table", _webhooks),
        ("targets", "targets of the webhook", _targets),
    ):
        yield _curve(
            name,
            f"added to an INSERT of {scale.rows:,} rows",
            x=title,
            unit="ms",
            points=scale.curve_counts,
            lines={NAMES[BRIDGE]: list(_declared(database, scale, declared))},
        )


def _curve(name: str, title: str, **rest: Any) -> Curve:
    return Curve(name=f"capture_{name}", title=title, **rest)


def _declared(
    database: Database, scale: Scale, declared: Callable[[int], Mapping[str, Any]]
) -> Iterator[float]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        for count in scale.curve_counts:
            database.declare(connection, **declared(count))
            yield _added(database, scale, BRIDGE, scale.rows) * 1e3
        database.declare(connection)


def _webhooks(count: int) -> Mapping[str, Any]:
    return {"webhooks": [{"name": f"{WEBHOOK}.{number}" if number else WEBHOOK} for number in range(count)]}


def _targets(count: int) -> Mapping[str, Any]:
    names = [f"{TARGET}_{number}" if number else TARGET for number in range(count)]
    return {"webhooks": [{"targets": names}], "targets": names}


def _added(database: Database, scale: Scale, variant: str, rows: int, width: int = 0) -> float:
    """Return the seconds that capturing adds, beside the bare statement of the same rounds."""
    took: dict[str, list[float]] = {BARE: [], variant: []}
    for _ in range(scale.curve_rounds):
        for each, found in took.items():
            database.use(each)
            found.append(insert(database.url, rows, width=width))
    return max(median(took[variant]) - median(took[BARE]), 1e-6)
