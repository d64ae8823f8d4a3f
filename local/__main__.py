"""The command: `python -m local up | down | status | demo`."""

import argparse
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from local import running
from local.deploy import bootstrap
from local.errors import LocalError
from local.processes import end_as_interrupted
from local.state import State
from local.system import BUILD, STATE, System

if TYPE_CHECKING:
    from collections.abc import Callable

console = Console()


def main() -> int:
    arguments = _parser().parse_args()
    end_as_interrupted()
    command: Callable[[], int] = arguments.run
    try:
        return command()
    except LocalError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def up() -> int:
    """Start everything and leave it running; harmless when it runs."""
    state = State.read(STATE)
    if state is not None and running.complete(state):
        console.print("It runs already.")
    else:
        running.down(STATE)
        state = _start()
    _show(state)
    return 0


def down() -> int:
    """Stop everything and remove its data; harmless twice."""
    with console.status("Stopping"):
        found = running.down(STATE)
    console.print("Stopped, and its data removed." if found else "Nothing was running.")
    return 0


def status() -> int:
    """Show what runs, and where; exit code 1 when not all of it does."""
    state = State.read(STATE)
    if state is None:
        console.print("Nothing is running. Start it: make up")
        return 1
    _show(state)
    return 0 if running.complete(state) else 1


def demo() -> int:
    """Show the whole system at work."""
    from local.demo import main as show  # noqa: PLC0415 - its imports are the demo's alone

    return show()


def _start() -> State:
    with System(log_directory=BUILD / "logs" / "up", say=_progress) as system:
        _progress("Preparing AWS for the CDK (cdk bootstrap)")
        bootstrap(system)
        state = system.state()
        state.write(STATE)
        system.detach()
    return state


def _progress(step: str) -> None:
    console.print(f"[cyan]•[/] {step}")


def _show(state: State) -> None:
    for name, process in state.processes.items():
        console.print(f"{name:<18} {'[green]runs' if process.alive() else '[red]is down'}")
    addresses = {
        "direct connection": state.direct_url,
        "pooled connection": state.pooled_url,
        "Supabase": state.supabase_url,
        "AWS endpoint": state.aws_endpoint,
        "Stripe": state.stripe_url,
        "logs": state.log_directory,
    }
    for name, address in addresses.items():
        # Whole, however narrow the terminal: these are for copying.
        console.print(f"{name:<18} {address}", soft_wrap=True, markup=False, highlight=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole system on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (up, down, status, demo):
        summary = (command.__doc__ or "").strip()
        commands.add_parser(command.__name__, help=summary, description=summary).set_defaults(run=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
