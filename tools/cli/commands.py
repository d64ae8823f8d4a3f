"""All commands under one name, `bridgectl`; `python -m tools.cli` is the same."""

from collections.abc import Sequence

import typer

from tools.cli import dead_letters, new, workflows
from tools.cli.fill_secrets import secrets
from tools.cli.follow import follow
from tools.cli.github_roles import github
from tools.cli.init import init
from tools.cli.openapi import openapi
from tools.cli.rotate_secret import rotate
from tools.processes import end_as_interrupted

NAME = "bridgectl"

# Plain help and errors, without frames: they are read in logs, too.
COMMANDS = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@COMMANDS.callback()
def everything() -> None:
    """Operate the bridge of a Supabase to AWS Lambda, and add to it."""


COMMANDS.add_typer(new.COMMANDS, name="new", help="Add a worker or a function, with a test, and declare it.")
COMMANDS.command()(init)
COMMANDS.command()(secrets)
COMMANDS.command()(rotate)
COMMANDS.add_typer(
    dead_letters.COMMANDS,
    name="dead-letters",
    help="What workers could not process: look, send back, delete.",
)
COMMANDS.command()(dead_letters.redrive)
COMMANDS.command()(follow)
COMMANDS.command()(openapi)
COMMANDS.command()(github)
COMMANDS.add_typer(workflows.COMMANDS, name="workflow", help="What GitHub's workflows ask of this tree.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        arguments: the command and its options; None: what this process was started with.

    Raises:
        SystemExit: with a message, what could not be done (exit code 1); with 2, what isn't understood.
    """
    end_as_interrupted()
    try:
        COMMANDS(args=arguments, prog_name=NAME)
    except SystemExit as end:
        if end.code:
            raise
