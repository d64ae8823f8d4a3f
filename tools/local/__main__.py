"""The command: `python -m tools.local up | try | down | status | token`."""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from rich.console import Console

from tools import cdk_cli
from tools.errors import LocalError
from tools.local import deploy, running, shell
from tools.local.state import State
from tools.local.system import BUILD, STATE, System
from tools.processes import end_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

# Beside a declaration: the tables of an application that has none yet in the database on this machine.
TABLES = "schema.sql"
SUBJECT = "00000000-0000-4000-8000-000000000001"

console = Console()


def main() -> int:
    arguments = _parser().parse_args()
    end_as_interrupted()
    command: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return command(arguments)
    except LocalError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def up(_: argparse.Namespace) -> int:
    """Start everything and leave it running; harmless when it runs."""
    with alone():
        state = _running()
        if state is not None:
            console.print("It runs already.")
        else:
            state = _start()
    _show(state)
    return 0


def try_(arguments: argparse.Namespace) -> int:
    """Deploy this tree to what `up` started, and start that first unless it runs."""
    config: Path = arguments.config
    if not config.is_file():
        raise LocalError(f"{config} doesn't exist; name another file: make try CONFIG=FILE")
    with alone():
        state = _running() or _start()
        with System.running_or_started(say=_progress) as system:
            _execute(config.with_name(TABLES), system)
            _progress(f"Deploying {config}, functions and workers (cdk deploy)")
            outputs = deploy.deploy(system, config=config)
        shell.write(state, api_url=outputs["WebhookUrl"])
    said = f"{outputs['Triggers']} triggers in place; functions answer at {outputs['WebhookUrl']}"
    console.print(said, soft_wrap=True, markup=False)
    if "outside AWS" not in outputs["Targets"]:
        console.print(f"targets outside AWS: {outputs['Targets']}", soft_wrap=True, markup=False)
    _say_how_to_reach_it()
    return 0


def token(arguments: argparse.Namespace) -> int:
    """Print a user's token for the functions, as Auth would issue it; it lasts an hour."""
    if _running() is None:
        raise LocalError("Nothing is running. Start it: make try")
    with System.running_or_started(say=_progress) as system:
        print(system.token(arguments.subject, arguments.role))  # noqa: T201 - alone, for a command line
    return 0


def down(_: argparse.Namespace) -> int:
    """Stop everything and remove its data; harmless twice."""
    with console.status("Stopping"):
        found = running.down(STATE)
        shell.FILE.unlink(missing_ok=True)
    console.print("Stopped, and its data removed." if found else "Nothing was running.")
    return 0


def status(_: argparse.Namespace) -> int:
    """Show what runs, and where; exit code 1 when not all of it does."""
    state = State.read(STATE)
    if state is None:
        console.print("Nothing is running. Start it: make up")
        return 1
    _show(state)
    return 0 if running.complete(state) else 1


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Refuse to start or deploy while another command of this tree does."""
    STATE.parent.mkdir(parents=True, exist_ok=True)
    with STATE.with_name("lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError("another make up or make try of this tree is at work; wait for it") from None
        yield


def _execute(tables: Path, system: System) -> None:
    """Make the tables of an application; there is none where it has no such file."""
    if not tables.is_file():
        return
    _progress(f"Executing {tables}")
    try:
        with psycopg.connect(system.direct_url, autocommit=True) as connection:
            connection.execute(tables.read_bytes())
    except psycopg.Error as error:
        again = "It is executed each time: write create table if not exists"
        raise LocalError(f"{tables}: {error}\n{again}") from error


def _running() -> State | None:
    state = State.read(STATE)
    return state if state is not None and running.complete(state) else None


def _start() -> State:
    running.down(STATE)
    with System(log_directory=BUILD / "logs" / "up", say=_progress) as system:
        _progress("Preparing AWS for the CDK (cdk bootstrap)")
        deploy.bootstrap(system)
        state = system.state()
        state.write(STATE)
        shell.write(state)
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
    _say_how_to_reach_it()


def _say_how_to_reach_it() -> None:
    file = shell.FILE.relative_to(cdk_cli.ROOT)
    said = f"For psql, aws and make … STAGE={deploy.STAGE} in this shell:  . {file}"
    console.print(said, soft_wrap=True, highlight=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.local", description="The whole system on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (up, try_, down, status, token):
        summary = (command.__doc__ or "").strip()
        name = command.__name__.rstrip("_")
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(run=command)
        if command is token:
            subparser.add_argument("--subject", default=SUBJECT, help="the user's id; default: %(default)s")
            subparser.add_argument("--role", default="authenticated", help="default: %(default)s")
        if command is try_:
            subparser.add_argument(
                "--config",
                type=Path,
                default=Path("bridge.toml"),
                metavar="FILE",
                help=f"another declaration than bridge.toml; {TABLES} beside it is executed first",
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
