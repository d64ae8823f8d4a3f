"""Charts of the curves, as SVG."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from tools.bench.curve import Curve

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
# Nobody runs scripts of an image, and a date in a comment would be all that changes.
UNWANTED = ("script", "{http://www.w3.org/2000/svg}script", ET.Comment)
STYLE = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    colors=("#1f6f54", "#c2410c", "#4338ca"),
)


def draw(curves: Iterable[Curve], folder: Path = FOLDER) -> None:
    """Write a chart for each curve: what is measured on a logarithmic scale, what grows in its steps."""
    folder.mkdir(parents=True, exist_ok=True)
    for curve in curves:
        (folder / f"{curve.name}.svg").write_text(chart(curve), "utf-8")


def chart(curve: Curve) -> str:
    """Return a curve as SVG, the same each time."""
    drawn = pygal.Line(
        title=curve.title,
        x_title=curve.x,
        y_title=curve.unit,
        logarithmic=True,
        legend_at_bottom=True,
        explicit_size=True,
        width=760,
        height=400,
        no_prefix=True,
        style=STYLE,
        value_formatter=lambda value: f"{value:,g}",
    )
    drawn.y_labels = powers = _powers(value for line in curve.lines.values() for value in line)
    drawn.range = (powers[0], powers[-1])
    drawn.x_labels = [f"{point:,}" for point in curve.points]
    for name, line in curve.lines.items():
        drawn.add(name, list(line))
    root: ET.Element = drawn.render_tree()
    for parent in list(root.iter()):
        for child in [each for each in parent if each.tag in UNWANTED]:
            parent.remove(child)
    return ET.tostring(root, encoding="unicode") + "\n"


def _powers(values: Iterable[float]) -> list[float]:
    """Return the powers of ten that the values lie between."""
    logarithms = [math.log10(value) for value in values]
    return [10.0**power for power in range(math.floor(min(logarithms)), math.ceil(max(logarithms)) + 1)]
