"""The results: a table on the terminal, and build/faults.json (described in README.md)."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tools.faults.counting import Count
from tools.faults.running import FAILED, PASSED, SKIPPED, Result
from tools.faults.world import World

FILE = Path(__file__).parents[2] / "build" / "faults.json"
COUNTED = ("inserted", "delivered", "effects", "duplicates_dropped", "lost")
WIDTH = 112
COLOURS = {PASSED: "green", FAILED: "red", SKIPPED: "yellow"}


def environment(world: World) -> dict[str, Any]:
    """Return what the results depend on."""
    return {
        "cores": os.cpu_count(),
        "postgres": world.database.value("show server_version"),
        "pg_net": "extension" if world.system.pg_net.real else "stand-in",
        "pooler": "PgBouncer of this machine" if world.system.pooler else "given",
        "aws": "ministack",
    }


def show(console: Console, results: Sequence[Result]) -> None:
    """Print the table, and beneath it what failed or was skipped."""
    columns = ("scenario", *(name.replace("_", " ") for name in COUNTED), "slowest write", "seconds", "")
    table = Table(*columns, box=SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for column in table.columns[1:-1]:
        column.justify = "right"
    for result in results:
        table.add_row(*cells(result))
    # In a log, which has no width of its own, and in a narrow terminal too, names are whole.
    console.width = max(console.width, WIDTH)
    console.print(table)
    for result in results:
        for problem in result.problems:
            console.print(f"[{COLOURS[result.outcome]}]{result.outcome}[/] {result.name}: ", end="")
            console.print(problem, soft_wrap=True, markup=False)


def cells(result: Result) -> list[str]:
    """Return a result's row of the table."""
    numbers = [str(getattr(result.count, name)) if result.count else "" for name in COUNTED]
    slowest = f"{result.written.slowest * 1000:.0f} ms" if result.written.transactions else ""
    outcome = f"[{COLOURS[result.outcome]}]{result.outcome}[/]"
    return [result.name, *numbers, slowest, f"{result.seconds:.0f}", outcome]


def write(results: Sequence[Result], about: Mapping[str, Any], *, seconds: float, path: Path = FILE) -> None:
    """Write the results as JSON.

    Args:
        results: of all scenarios.
        about: the environment.
        seconds: that all of it took.
        path: the file.
    """
    content = {
        "passed": all(result.outcome != FAILED for result in results),
        "seconds": round(seconds, 1),
        "environment": dict(about),
        "scenarios": [_entry(result) for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _entry(result: Result) -> dict[str, Any]:
    written = result.written
    return {
        "name": result.name,
        "summary": result.summary,
        "outcome": result.outcome,
        "problems": result.problems,
        "seconds": round(result.seconds, 1),
        **_numbers(result.count),
        "writes": {
            "committed": written.transactions,
            "rolled_back": written.rolled_back,
            "failed": written.failures.total(),
            "connections_lost": written.lost,
            "slowest_ms": round(written.slowest * 1000),
        },
    }


def _numbers(count: Count | None) -> dict[str, int | None]:
    names = (*COUNTED, "dead")
    return {name: getattr(count, name) if count else None for name in names}
