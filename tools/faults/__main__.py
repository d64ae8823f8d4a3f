"""The command: `python -m tools.faults`, or `make faults`."""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from tools.errors import LocalError
from tools.faults import report
from tools.faults.bridge import Bridge
from tools.faults.partner import Partner
from tools.faults.proxies.http import HttpProxy
from tools.faults.running import FAILED, Result, run
from tools.faults.scenario import Scenario
from tools.faults.scenarios import ALL
from tools.faults.world import World
from tools.local.system import System
from tools.processes import end_as_interrupted

console = Console(highlight=False)


def main() -> int:
    """Run the suite.

    Returns:
        The exit code: 0; 1 when a scenario failed, or the system did not start; 130 when it was told to stop.
    """
    arguments = _parser().parse_args()
    if arguments.list:
        for each in ALL:
            console.print(f"[bold]{each.name}[/]: {each.summary}", soft_wrap=True)
        return 0
    end_as_interrupted()
    try:
        chosen = [scenario for scenario in ALL if scenario.name in (arguments.only or [scenario.name])]
        return _run(chosen * arguments.times)
    except LocalError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def _run(scenarios: Sequence[Scenario]) -> int:
    began = time.monotonic()
    results: list[Result] = []
    with _world() as world:
        about = report.environment(world)
        for each in scenarios:
            console.print(f"[cyan]•[/] [bold]{each.name}[/]: {each.summary}", soft_wrap=True)
            result = run(world, each)
            results.append(result)
            console.print("  " + ", ".join([result.outcome, *result.problems]), soft_wrap=True, markup=False)
    seconds = time.monotonic() - began
    report.show(console, results)
    report.write(results, about, seconds=seconds)
    console.print(f"{len(results)} scenarios in {seconds:.0f} s; {report.FILE.relative_to(Path.cwd())}")
    return 1 if any(result.outcome == FAILED for result in results) else 0


@contextlib.contextmanager
def _world() -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        system = stack.enter_context(System(say=_progress))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        partner = stack.enter_context(Partner(system.direct_url))
        proxy = stack.enter_context(HttpProxy(partner.url))
        bridge = Bridge(system, folder, partner_url=proxy.url)
        _progress("Preparing AWS for the CDK (cdk bootstrap)")
        bridge.prepare()
        _progress("Deploying (cdk deploy)")

        def know_the_secret() -> None:
            partner.secret = bridge.partner_secret()

        outputs = bridge.deploy(once_filled=know_the_secret)
        yield stack.enter_context(World(system, outputs, bridge=bridge, partner=proxy))


def _progress(step: str) -> None:
    console.print(f"[cyan]•[/] {step}", soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.faults",
        description="Break one part after another while rows flow, and count what arrives.",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=[each.name for each in ALL],
        help="run these scenarios; --list names them",
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="run them so often, in turn")
    parser.add_argument("--list", action="store_true", help="say what the scenarios are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
