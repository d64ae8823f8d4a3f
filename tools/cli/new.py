"""A new worker or function: its folder with a handler and a passing test, and its section of bridge.toml."""

# ruff: noqa: T201 - what it prints is what it is for

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from stacks.settings import checks
from stacks.settings.folders import check_names
from stacks.settings.sql_names import parse_table
from tools.cli.declaration import Declaration, DeclarationError, changing, toml
from tools.cli.generated import (
    Example,
    node_worker,
    parameter_mistake,
    python_function,
    python_worker,
    write,
)
from tools.cli.stage import DECLARATION, ConfigOption, errors_explained

_PAST = {"insert": "created", "update": "changed", "delete": "deleted"}
_LONGEST_WEBHOOK = 45

COMMANDS = typer.Typer(no_args_is_help=True)


class Language(StrEnum):
    """Programming language of a worker or function."""

    PYTHON = "python"
    NODE = "node"


_Name = Annotated[str, typer.Argument(help="Its folder's name: lower-case words joined by '_'.")]
_Language = Annotated[Language, typer.Option("--language", help="What it is written in.")]


@COMMANDS.command()
def worker(
    name: _Name,
    *,
    language: _Language = Language.PYTHON,
    table: Annotated[
        str | None,
        typer.Option(
            "--table", help="The table whose changes it handles, as SQL writes it: public.invoices."
        ),
    ] = None,
    operations: Annotated[
        str | None, typer.Option("--operations", help="Of insert, update, delete, with commas. [insert]")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", help="The webhook's name; made of the table's if left out.")
    ] = None,
    config: ConfigOption = DECLARATION,
) -> None:
    """Add a worker, which handles changed rows."""
    if table is None and (operations or webhook):
        raise typer.BadParameter("needs --table", param_hint="--operations" if operations else "--webhook")
    with errors_explained(interrupted="nothing was changed"):
        chosen = [word.strip() for word in (operations or "insert").split(",") if word.strip()]
        webhook = webhook or (_webhook_name(table, chosen) if table else "")
        make = python_worker if language is Language.PYTHON else node_worker
        files = make(name, _example(table, chosen, webhook))
        section = _webhook_section(webhook, table, chosen, name) if table else ""
        with changing(config) as declaration:
            place = _add(declaration, "workers", name, files, section)
        if not table:
            example = _webhook_section("invoice.created", "public.invoices", ["insert"], name)
            print(f"No webhook leads to it yet. Add one to {config}:\n\n{example}")
        _say_next(place / ("handler.py" if language is Language.PYTHON else "index.mjs"))


@COMMANDS.command()
def function(
    name: _Name,
    *,
    language: _Language = Language.PYTHON,
    route: Annotated[
        list[str] | None,
        typer.Option("--route", help='Such as "GET /invoices/{id}"; repeatable. [GET /NAME]'),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="Who may call, by the token's role; repeatable. [authenticated]"),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Anyone may call, without a token.")] = False,
    config: ConfigOption = DECLARATION,
) -> None:
    """Add a function, which answers HTTP requests."""
    if language is not Language.PYTHON:
        raise typer.BadParameter(
            "functions are written in Python; workers in Node.js, too", param_hint="--language"
        )
    if public and role:
        raise typer.BadParameter("not allowed with --public", param_hint="--role")
    with errors_explained(interrupted="nothing was changed"):
        routes = list(dict.fromkeys(route or [f"GET /{name}"]))
        _require_routes(routes)
        section = _function_section(name, routes, [] if public else role or ["authenticated"])
        files = python_function(name, routes, public=public)
        with changing(config) as declaration:
            place = _add(declaration, "functions", name, files, section)
        _say_next(place / "handler.py")


def _require_routes(routes: list[str]) -> None:
    for text in routes:
        try:
            checks.route(text)
        except ValueError as error:
            raise DeclarationError(f"--route {json.dumps(text)}: {error}") from None
        if mistake := parameter_mistake(text):
            raise DeclarationError(f"--route {json.dumps(text)}: {mistake}")


def _webhook_name(table: str, operations: list[str]) -> str:
    verb = _PAST.get(operations[0], "changed") if len(operations) == 1 else "changed"
    name = re.sub(r"[^a-z0-9_-]+", "_", _parsed(table)[1].lower()).lstrip("_-0123456789")
    return f"{name[: _LONGEST_WEBHOOK - len(verb) - 1]}.{verb}" if name else f"row.{verb}"


def _parsed(table: str) -> tuple[str, str]:
    try:
        return parse_table(table)
    except ValueError as error:
        raise DeclarationError(f"--table {table}: {error}") from None


def _example(table: str | None, operations: list[str], webhook: str) -> Example:
    if table is None:
        return Example()
    schema, name = _parsed(table)
    return Example(webhook=webhook, operation=next(iter(operations), ""), schema=schema, table=name)


def _webhook_section(name: str, table: str, operations: list[str], target: str) -> str:
    return (
        f"[[webhooks]]\nname = {toml(name)}\ntable = {toml(table)}\n"
        f"operations = {toml(operations)}\ntarget = {toml(target)}\n"
    )


def _function_section(name: str, routes: list[str], roles: list[str]) -> str:
    table = ", ".join(f"{toml(route)} = {toml(roles)}" for route in routes)
    return f'[functions.{name}]\nroutes = {{ {table} }}\nsecrets = ["database"]\n'


def _add(declaration: Declaration, parent: str, name: str, files: Mapping[str, str], section: str) -> Path:
    """Add a folder and a section, both or neither; return where the folder is."""
    _require_free(declaration, parent, name)
    place = declaration.code / parent / name
    text = declaration.with_appended(section)
    with tempfile.TemporaryDirectory() as work:
        write(Path(work), files)
        declaration.check(text, folders={f"{parent}/{name}": Path(work)})
    with _created(place, files):
        declaration.write(text)
    print(f"wrote {place}: {', '.join(files)}")
    if section:
        print(f"added to {declaration.path}: {section.partition(chr(10))[0]}")
    return place


def _require_free(declaration: Declaration, parent: str, name: str) -> None:
    for mistake in check_names({parent: [name]}):
        raise DeclarationError(mistake)
    for other in ("workers", "functions"):
        folder = declaration.code / other / name
        # A worker and a function of one name would be one package to Python.
        if folder.exists():
            raise DeclarationError(f"{folder} exists already; choose another name")
        if name in declaration.sections.get(other, {}):
            raise DeclarationError(f"{declaration.path} has a section [{other}.{name}] already")
    spec = find_spec(name)
    if spec is not None and spec.origin is not None:
        raise DeclarationError(
            f'"{name}" is the name of a package that is installed, or of a folder of this project; choose '
            f'another, for example "handle_{name}"'
        )


@contextmanager
def _created(folder: Path, files: Mapping[str, str]) -> Iterator[None]:
    """Write a new folder; it goes again when the block fails.

    It gets its name once it is whole. Until then it is beside its parent, where nothing is taken for a worker
    or a function: not even a process that is killed leaves half of one.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent.parent) as work:
            # Inside, since the temporary folder itself is closed to others.
            whole = Path(work) / folder.name
            whole.mkdir()
            write(whole, files)
            whole.rename(folder)
            try:
                yield
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    except OSError as error:
        raise DeclarationError(f"{folder} can't be written: {error.strerror}") from error


def _say_next(handler: Path) -> None:
    print(f"next: write what it does in {handler}; then make check, and make try")
