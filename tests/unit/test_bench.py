"""What is a figure: its ratio, what is taken off, and whether it is reached."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tools.bench import charts, report
from tools.bench.curve import Curve
from tools.bench.figure import Figure
from tools.bench.figures import starts
from tools.bench.scale import SMOKE

if TYPE_CHECKING:
    from pathlib import Path


CURVE = Curve(name="x", title="T", x="rows", unit="ms", points=[1, 1000], lines={"a": [1, 20], "b": [0.2, 3]})


def figure(**changed: object) -> Figure:
    made: dict[str, object] = {
        "name": "x",
        "title": "X",
        "unit": "ms",
        "ours": [3, 30, 4],
        "theirs": [10, 5, 6],
    }
    return Figure(**{**made, **changed})  # type: ignore[arg-type]


def should_divide_medians_beyond_what_both_contain() -> None:
    found = figure(base=[2, 1, 2])

    assert (found.own, found.other, found.value) == (2, 4, 0.5)


def should_hold_our_median_against_the_bound_where_there_is_no_alternative() -> None:
    found = figure(theirs=[], reach=4)

    assert (found.other, found.value, found.reached) == (None, 4, True)


@pytest.mark.parametrize(
    ("bound", "at_least", "expected"),
    [(0.66, False, False), (0.67, False, True), (0.66, True, True), (0.67, True, False), (None, True, None)],
)
def should_know_what_is_reached(bound: float | None, at_least: bool, expected: bool | None) -> None:  # noqa: FBT001
    assert figure(reach=bound, at_least=at_least).reached is expected


def should_write_what_it_shows(tmp_path: Path) -> None:
    found = figure(reach=0.5, note="by hand")
    console = Console(file=io.StringIO(), width=80)

    report.show(console, [found])
    report.write([found, CURVE], {"cores": 2}, seconds=1.23, smoke=False, path=tmp_path / "bench.json")

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0.667" in shown
    assert "by hand" in shown
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["seconds"] == 1.2
    [entry] = content["figures"]
    assert (entry["ours"], entry["theirs"], round(entry["ratio"], 3), entry["reached"]) == (
        4,
        6,
        0.667,
        False,
    )
    assert entry["samples"]["ours"] == [3, 30, 4]
    [curve] = content["curves"]
    assert (curve["points"], curve["lines"]["b"]) == ([1, 1000], [0.2, 3])


def should_document_what_it_shows(tmp_path: Path) -> None:
    about = {"cores": 2, "processor": "", "machine": "arm64", "postgres": "PostgreSQL 17", "python": "3.14"}

    report.document([figure(reach=0.5, note="by hand")], about, path=tmp_path / "figures.md")

    text = (tmp_path / "figures.md").read_text()
    assert "| X | 4 | 6 | ms | 0.667 | ≤ 0.5 |  | no |" in text
    assert "- X: by hand" in text
    assert "on 2 cores (arm64), PostgreSQL 17, fsync on, Python 3.14" in text


def should_draw_a_curve_the_same_each_time(tmp_path: Path) -> None:
    charts.draw([CURVE], tmp_path / "new")
    [file] = (tmp_path / "new").iterdir()

    drawn = file.read_text()

    assert file.name == "x.svg"
    assert drawn == charts.chart(CURVE)
    texts = {each.text for each in ET.fromstring(drawn).iter() if each.text}
    assert {"T", "rows", "ms", "1", "1,000", "a", "b"} <= texts
    assert "<script" not in drawn
    assert "<!--" not in drawn


def should_start_each_function_of_python() -> None:
    names = {each.name for each in starts.measure(SMOKE)}

    assert {
        "layer",
        "start_render_receipt_alone",
        "start_receiver",
        "start_redeliver_alone",
        "start_process_order_alone",
        "start_users_alone",
    } <= names
