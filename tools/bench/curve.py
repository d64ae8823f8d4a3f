"""A curve: how a cost grows with something."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What one chart shows.

    Attributes:
        name: by which it is known in build/bench.json, and its chart in docs/benchmarks.
        title: what was measured.
        x: what grows, and its unit.
        unit: of what was measured.
        points: of each x.
        lines: for each of what is compared, the median at each point.
    """

    name: str
    title: str
    x: str
    unit: str
    points: Sequence[float]
    lines: Mapping[str, Sequence[float]]
