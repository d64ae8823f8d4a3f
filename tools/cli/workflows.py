"""Answers to what the GitHub workflows ask of a tree: `bridgectl workflow plan | deployment`."""

import json
import sys
from typing import Annotated

import typer

from stacks.settings import Declared, read_declared
from stacks.settings.mistakes import unknown
from tools.cli.stage import DECLARATION, CommandError, ConfigOption, errors_explained

COMMANDS = typer.Typer(no_args_is_help=True)


@COMMANDS.command("plan")
def print_plan(*, config: ConfigOption = DECLARATION) -> None:
    """Print which tests, reviews and deployments a commit asks for, as GITHUB_OUTPUT has it."""
    with errors_explained(interrupted="nothing was changed"):
        sys.stdout.writelines(f"{name}={value}\n" for name, value in plan(read_declared(config)).items())


@COMMANDS.command("deployment")
def check(
    stage: Annotated[str, typer.Argument(help="A stage of bridge.toml.")],
    ref: Annotated[str, typer.Argument(help="What git calls the commit's branch: refs/heads/main.")],
    *,
    config: ConfigOption = DECLARATION,
) -> None:
    """Fail where a stage may not be deployed from a branch."""
    with errors_explained(interrupted="nothing was changed"):
        check_deployment(read_declared(config), stage, ref)


def plan(declared: Declared) -> dict[str, str]:
    """Return what to run for a push or a pull request, as lines of GITHUB_OUTPUT have it.

    Returns:
        `tests`: the Make target, "test" for the framework's repository, which declares nothing, else "check";
        `stages`: a JSON list of those to review; `merged`: a JSON list of those that a push to main deploys.
    """
    deployed = [name for name in declared.stages if not _stays_here(declared, name)]
    return {
        "tests": "test" if declared.is_empty else "check",
        "stages": json.dumps(deployed),
        "merged": json.dumps([name for name in deployed if declared.stages[name].deploy_on_merge]),
    }


def check_deployment(declared: Declared, stage: str, ref: str) -> None:
    """Refuse what may not be deployed.

    Args:
        declared: the stages.
        stage: the one that is asked for.
        ref: what git calls the commit's branch, for example refs/heads/main.

    Raises:
        CommandError: there is no such stage, it stays on one machine, or its deploy_from lacks the branch.
    """
    if stage not in declared.stages:
        raise CommandError(f"{declared.file}: {unknown('stage', stage, declared.stages)}")
    if _stays_here(declared, stage):
        raise CommandError(f'stage "{stage}" stays on one machine: its layer_platform is "local"')
    branches = declared.stages[stage].deploy_from
    if ref not in {f"refs/heads/{branch}" for branch in branches}:
        raise CommandError(
            f'stage "{stage}" is not deployed from {ref}; its deploy_from in {declared.file} has '
            f"{', '.join(branches)}. Merge first, or add the branch there and renew the roles: "
            f"make github STAGE={stage} REPOSITORY=owner/name"
        )


def _stays_here(declared: Declared, stage: str) -> bool:
    return declared.stages[stage].layer_platform == "local"
