"""The command: `python -m tools.bench`, or `make bench`."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console

from tools.bench import charts, report
from tools.bench.curve import Curve
from tools.bench.database import Database
from tools.bench.deployment import deployed
from tools.bench.figure import Figure
from tools.bench.figures import (
    arrival,
    capture,
    delivery,
    growth,
    pooling,
    starts,
    statements,
    synthesis,
    working,
)
from tools.bench.scale import FULL, SMOKE, Scale
from tools.errors import LocalError
from tools.processes import end_as_interrupted

console = Console(highlight=False)


def main() -> int:
    """Measure.

    Returns:
        The exit code: 0; 1 when a figure is not reached, or something failed; 130 when it was told to stop.
    """
    arguments = _parser().parse_args()
    end_as_interrupted()
    scale = SMOKE if arguments.smoke else FULL
    began = time.monotonic()
    found: list[Figure | Curve] = []
    try:
        for group in arguments.only or GROUPS:
            _say(group)
            for each in GROUPS[group](scale):
                found.append(each)
                console.print(f"  {time.monotonic() - began:4.0f} s  {each.title}", soft_wrap=True)
    except LocalError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    figures = [each for each in found if isinstance(each, Figure)]
    curves = [each for each in found if isinstance(each, Curve)]
    seconds = time.monotonic() - began
    report.show(console, figures)
    if arguments.smoke:
        console.print("Smoke form: what is measured is too little for its figures to mean anything.")
    report.write(found, report.environment(), seconds=seconds, smoke=arguments.smoke)
    if not arguments.smoke:
        charts.draw(curves)
        if not arguments.only:
            report.document(figures, report.environment())
    console.print(f"{len(figures)} figures in {seconds:.0f} s; build/{report.FILE.name}")
    return 0 if arguments.smoke or all(figure.reached is not False for figure in figures) else 1


def _capture(scale: Scale) -> Iterator[Figure | Curve]:
    with Database() as database:
        yield from capture.measure(database, scale)
        yield from statements.measure(database, scale)
        yield from growth.measure(database, scale)


def _starts(scale: Scale) -> Iterator[Figure]:
    yield from starts.measure(scale)


def _synthesis(scale: Scale) -> Iterator[Figure]:
    yield from synthesis.measure(scale)


def _delivery(scale: Scale) -> Iterator[Figure]:
    with deployed(_say) as deployment:
        yield from arrival.measure(deployment, scale)
        yield from delivery.measure(deployment, scale)
        yield from working.measure(deployment, scale)


def _pooling(scale: Scale) -> Iterator[Figure]:
    yield from pooling.measure(scale, _say)


GROUPS: dict[str, Callable[[Scale], Iterator[Figure | Curve]]] = {
    "starts": _starts,
    "synthesis": _synthesis,
    "capture": _capture,
    "delivery": _delivery,
    "pooling": _pooling,
}


def _say(step: str) -> None:
    console.print(f"[cyan]•[/] {step}", soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description="Measure the bridge beside what people use today, in one run, as ratios.",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="GROUP", choices=GROUPS, help=f"measure these: {', '.join(GROUPS)}"
    )
    parser.add_argument("--smoke", action="store_true", help="only show that the scripts work")
    return parser


if __name__ == "__main__":
    sys.exit(main())
