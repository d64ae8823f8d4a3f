"""Checks of an adopter's own code and declaration: `python -m tools.check`, or `make check`.

Style, types, tests, templates with cdk-nag, and the review of each stage. None needs Postgres or AWS, and a
network only for libraries that were never installed here.
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from stacks.errors import AppError
from stacks.settings import read_settings
from stacks.settings.folders import code_of
from tools.cdk_cli import ROOT, from_root, search_path
from tools.processes import end_as_interrupted, run

LAYER = ROOT / "lambda_src" / "layer"
# A configuration of the adopter's own goes before the project's.
FORMAT = (
    "--check",
    "--log-level=warn",
    "--config-precedence=prefer-file",
    f"--config={ROOT / 'package.json'}",
)
REVIEWS = ROOT / "build" / "review"
# Types are checked where they are written; what has none is the adopter's choice.
TYPES = (
    *("--config-file=", "--explicit-package-bases", "--namespace-packages", "--check-untyped-defs"),
    *("--no-error-summary", "--warn-unused-ignores"),
)

console = Console(highlight=False)


@dataclass(frozen=True)
class Code:
    """The workers and functions of a declaration.

    Attributes:
        workers: folder of the workers.
        functions: folder of the functions.
    """

    workers: Path
    functions: Path

    @classmethod
    def of(cls, declaration: Path) -> "Code":
        folder = code_of(ROOT / declaration)
        return cls(folder / "workers", folder / "functions")

    @property
    def folders(self) -> list[str]:
        return [str(folder) for folder in (self.workers, self.functions) if folder.is_dir()]

    def files(self, *patterns: str) -> list[str]:
        """Files of all workers and functions, without those of installed libraries."""
        return [file for folder in self.folders for file in _files(Path(folder), patterns)]

    def environment(self) -> dict[str, str]:
        """Environment of their commands: packages are found as in Lambda, programs as `make` finds them."""
        path = os.pathsep.join([str(LAYER), *self.folders])
        search = search_path(os.environ.get("PATH", os.defpath))
        return {**os.environ, "PYTHONPATH": path, "MYPYPATH": path, "PATH": search}


def _files(folder: Path, patterns: Sequence[str]) -> list[str]:
    paths = {path.relative_to(folder) for pattern in patterns for path in folder.rglob(pattern)}
    installed = {
        path for path in paths if any(part == "node_modules" or part[0] == "." for part in path.parts)
    }
    return [str(folder / path) for path in sorted(paths - installed)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every check, and say at the end which ones failed.

    Returns:
        The exit code: 0; 1 when something failed; 130 when it was told to stop.
    """
    options = _parser().parse_args(arguments)
    end_as_interrupted()
    try:
        checks = _checks(from_root(options.config), reviews=options.review)
        failed = [title for title, passes in checks if not _passes(title, passes)]
    except AppError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    if failed:
        console.print(f"[red]Failed: {', '.join(failed)}[/]")
        return 1
    console.print("[green]All checks passed.[/]")
    return 0


def _passes(title: str, passes: Callable[[], bool]) -> bool:
    console.print(f"[cyan]•[/] {title}", soft_wrap=True)
    return passes()


def _checks(config: Path, *, reviews: bool) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The checks that there is something for, by their titles."""
    stages = [read_settings({"config": str(ROOT / config), "stage": stage}) for stage in _stages(config)]
    code = Code.of(config)
    environment = code.environment()
    python, tests = code.files("*.py"), code.files("test_*.py", "*_test.py")
    javascript, node_tests = code.files("*.js", "*.mjs"), code.files("*.test.js", "*.test.mjs")

    def command(*words: str) -> Callable[[], bool]:
        return lambda: _run(words, environment)

    if python:
        yield "Style (ruff)", command("ruff", "check", "--quiet", _left_to_taste(code), *code.folders)
        yield "Format (ruff)", command("ruff", "format", "--check", "--quiet", *code.folders)
        yield "Types (mypy)", lambda: _types_fit(code, environment)
    if tests:
        yield "Tests (pytest)", command("pytest", *_pytest_options(code), *tests)
    if javascript:
        yield "Format (prettier)", command("prettier", *FORMAT, *javascript)
        yield "Types (tsc)", command("tsc", "--project", str(_javascript_project(javascript)))
    if node_tests:
        yield "Tests (node)", command("node", "--test", *node_tests)
    for settings in stages if reviews else ():
        if settings.stage.layer_platform != "local":
            stage = settings.stage_name
            yield f"Templates and review of stage {stage}", command(*_review(config, stage))


def _left_to_taste(code: Code) -> str:
    """Option of ruff: what pyproject.toml leaves to an adopter in lambda_src, wherever the code is."""
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    rules = ruff["per-file-ignores"]["lambda_src/{workers,functions}/**"]
    ignored = [f"{folder}/**:{rule}" for folder in code.folders for rule in rules]
    return f"--extend-per-file-ignores={','.join(ignored)}"


def _types_fit(code: Code, environment: Mapping[str, str]) -> bool:
    """Check workers and functions apart: each may have, for example, a conftest.py."""
    groups = [files for folder in code.folders if (files := _files(Path(folder), ["*.py"]))]
    passed = [_run([sys.executable, "-m", "mypy", *TYPES, *files], environment) for files in groups]
    return all(passed)


def _stages(config: Path) -> list[str]:
    """Names of the declared stages; mistakes in the file are for `read_settings` to explain."""
    try:
        return list(tomllib.loads((ROOT / config).read_text("utf-8")).get("stages", {})) or [""]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return [""]


def _pytest_options(code: Code) -> list[str]:
    return [
        *("--config-file", os.devnull, "--rootdir", str(code.workers.parent), "--import-mode=importlib"),
        *("--quiet", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"),
        *("-o", "python_functions=test_* should_*"),
    ]


def _javascript_project(files: Sequence[str]) -> Path:
    """Write a project of these files by the framework's settings, where TypeScript finds its types."""
    project = ROOT / "build" / "check" / "jsconfig.json"
    project.parent.mkdir(parents=True, exist_ok=True)
    project.write_text(
        json.dumps({"extends": str(ROOT / "jsconfig.json"), "include": [], "files": list(files)})
    )
    return project


def _review(config: Path, stage: str) -> list[str]:
    """The command that synthesises a stage and reviews it."""
    options = ["--stage", stage, "--config", str(config), "--output", str(REVIEWS / stage)]
    return [sys.executable, "-m", "tools.review", *options]


def _run(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Run a command to its end; Ctrl-C ends it with all that it started, such as a test that never ends."""
    code, _ = run(words, environment=environment, directory=ROOT, output=sys.stdout)
    return code == 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.check",
        description="Check your own workers, functions and declaration: style, types, tests, templates with "
        "cdk-nag, and the review of each stage against where HEAD left origin/main.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=ROOT / "bridge.toml",
        metavar="FILE",
        help="another file than bridge.toml",
    )
    parser.add_argument(
        "--no-review", dest="review", action="store_false", help="neither synthesise nor review the stages"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
