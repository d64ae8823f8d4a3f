"""A figure: what was measured beside its alternative, in one run, and what it is to reach."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table.

    Attributes:
        name: by which it is known in build/bench.json.
        title: what was measured, and against what.
        unit: of the samples.
        ours: a sample of each round.
        theirs: the alternative's, of the same rounds; empty where there is none.
        base: what both contain and neither is to blame for, of the same rounds; empty: nothing.
        reach: what the ratio, or without an alternative the median, must be at most; None: only stated.
        aim: what it is to become.
        at_least: whether `reach` and `aim` are the least instead.
        note: what the number alone doesn't say.
    """

    name: str
    title: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    base: Sequence[float] = ()
    reach: float | None = None
    aim: float | None = None
    at_least: bool = False
    note: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def own(self) -> float:
        """Our median, beyond what both contain."""
        return median(self.ours) - self._base

    @property
    def other(self) -> float | None:
        """The alternative's median, beyond what both contain."""
        return median(self.theirs) - self._base if self.theirs else None

    @property
    def value(self) -> float:
        """What is held against `reach`: the ratio, or without an alternative our median."""
        return self.own if self.other is None else self.own / self.other

    @property
    def reached(self) -> bool | None:
        """Whether it is reached; None: it is only stated."""
        return _holds(self.value, self.reach, at_least=self.at_least)

    @property
    def _base(self) -> float:
        return median(self.base) if self.base else 0.0


def _holds(value: float, bound: float | None, *, at_least: bool) -> bool | None:
    if bound is None:
        return None
    return value >= bound if at_least else value <= bound
