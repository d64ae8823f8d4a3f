"""The figures: a table on the terminal, and build/bench.json (described in README.md)."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.bench.curve import Curve
from tools.bench.figure import Figure
from tools.local import programs

ROOT = Path(__file__).parents[2]
FILE = ROOT / "build" / "bench.json"
DOCUMENT = ROOT / "docs" / "benchmarks" / "figures.md"
WIDTH = 130
VERDICTS = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def environment() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgres": _postgres(),
    }


def _postgres() -> str:
    """Its version; every figure is measured with fsync on."""
    program = programs.postgres_binaries() / "postgres"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    """Its name, where Linux tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text("utf-8").splitlines() if information.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print the table: medians, each beyond what ours and theirs both contain."""
    console.width = max(console.width, WIDTH)
    table = Table("figure", "ours", "theirs", "", "ratio", "reach", "aim", "reached", box=SIMPLE_HEAD)
    for column in table.columns[1:3] + table.columns[4:7]:
        column.justify = "right"
    for figure in figures:
        table.add_row(*cells(figure))
    console.print(table)
    for figure in figures:
        if figure.note:
            console.print(f"{figure.name}: {figure.note}", soft_wrap=True, markup=False)


def cells(figure: Figure) -> list[str]:
    """Return a figure's row of the table."""
    sign = "≥ " if figure.at_least else "≤ "
    other = figure.other
    return [
        figure.title,
        number(figure.own),
        "" if other is None else number(other),
        figure.unit,
        "" if other is None else number(figure.value),
        "" if figure.reach is None else sign + number(figure.reach),
        "" if figure.aim is None else sign + number(figure.aim),
        VERDICTS[figure.reached],
    ]


def document(figures: Sequence[Figure], about: Mapping[str, Any], *, path: Path = DOCUMENT) -> None:
    """Write the table in Markdown, for docs/benchmarks.md to lead to."""
    where = (
        f"{about['cores']} cores ({about['processor'] or about['machine']}), {about['postgres']}, fsync on"
    )
    lines = [
        "# Figures",
        "",
        f"Medians, as `make bench` wrote them last, on {where}, Python {about['python']}.",
        "What they mean, and how costs grow: [benchmarks](../benchmarks.md).",
        "",
        "| figure | ours | theirs | | ratio | reach | aim | reached |",
        "|---|---:|---:|---|---:|---:|---:|---|",
    ]
    lines += [f"| {' | '.join(_plain(cell) for cell in cells(figure))} |" for figure in figures]
    lines += ["", *(f"- {figure.title}: {figure.note}" for figure in figures if figure.note)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _plain(cell: str) -> str:
    """Return a cell without rich's markup."""
    return Text.from_markup(cell).plain


def number(value: float) -> str:
    """Return a number with as many digits as say something."""
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def write(
    found: Sequence[Figure | Curve],
    about: Mapping[str, Any],
    *,
    seconds: float,
    smoke: bool,
    path: Path = FILE,
) -> None:
    """Write all of it as JSON.

    Args:
        found: all that was measured.
        about: the environment.
        seconds: that all of it took.
        smoke: whether it only shows that the scripts work.
        path: the file.
    """
    content = {
        "smoke": smoke,
        "seconds": round(seconds, 1),
        "environment": dict(about),
        "figures": [entry(each) for each in found if isinstance(each, Figure)],
        "curves": [asdict(each) for each in found if isinstance(each, Curve)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def entry(figure: Figure) -> dict[str, Any]:
    """Return a figure as build/bench.json has it."""
    return {
        "name": figure.name,
        "title": figure.title,
        "unit": figure.unit,
        "ours": figure.own,
        "theirs": figure.other,
        "ratio": None if figure.other is None else figure.value,
        "reach": figure.reach,
        "aim": figure.aim,
        "at_least": figure.at_least,
        "reached": figure.reached,
        "samples": {"ours": list(figure.ours), "theirs": list(figure.theirs), "base": list(figure.base)},
        "note": figure.note,
        **({"details": figure.details} if figure.details else {}),
    }
