"""Answers to what the GitHub workflows ask of a tree: `python -m scripts.workflows`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.stage import CommandError
from stacks.errors import SettingsError
from stacks.settings import Declared, read_declared
from stacks.settings.mistakes import unknown
from stacks.settings.reading import DEFAULT_FILE


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the outputs of a workflow's first job, or refuse a deployment.

    Raises:
        SystemExit: bridge.toml is wrong, or the stage may not be deployed from there; says why.
    """
    options = _parser().parse_args(arguments)
    try:
        declared = read_declared(Path(options.config))
        if options.command == "plan":
            sys.stdout.writelines(f"{name}={value}\n" for name, value in plan(declared).items())
        else:
            check_deployment(declared, options.stage, options.ref)
    except (CommandError, SettingsError) as error:
        sys.exit(str(error))


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.workflows", description=__doc__)
    parser.add_argument("--config", default=DEFAULT_FILE, help="another file than bridge.toml")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan", help="print which tests, reviews and deployments a commit asks for")
    stage = commands.add_parser("deployment", help="fail where a stage may not be deployed from a branch")
    stage.add_argument("stage", help="a stage of bridge.toml")
    stage.add_argument("ref", help="what git calls the commit's branch, for example refs/heads/main")
    return parser


if __name__ == "__main__":
    main()
