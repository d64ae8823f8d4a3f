"""A stage of bridge.toml: where it is deployed, in which network, and who is told of alarms."""

# ruff: noqa: T201 - what it prints is what it is for

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tomlkit
import typer
from pydantic import ValidationError
from tomlkit.items import Table

from stacks.settings import Stage
from stacks.settings.mistakes import describe
from stacks.settings.sections import frozen
from tools.cli.declaration import Declaration, DeclarationError, changing, toml
from tools.cli.stage import DECLARATION, ConfigOption, errors_explained

# What is asked for, in this order.
_QUESTIONS = {
    "region": "AWS region",
    "account": "AWS account, 12 digits",
    "alarm_email": "E-mail address that alarms go to",
    "subnets": "Subnets of the functions' VPC, with commas",
    "security_groups": "Security groups in that VPC, with commas",
}
_LISTS = {"subnets", "security_groups"}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


def init(
    name: Annotated[str, typer.Argument(metavar="stage", help="The stage's name: prod, for example.")],
    *,
    region: Annotated[str | None, typer.Option("--region", help="AWS region.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="AWS account, 12 digits.")] = None,
    alarm_email: Annotated[
        str | None, typer.Option("--alarm-email", help="E-mail address that alarms go to.")
    ] = None,
    subnets: Annotated[
        str | None, typer.Option("--subnets", help="Subnets of the functions' VPC, with commas.")
    ] = None,
    security_groups: Annotated[
        str | None, typer.Option("--security-groups", help="Security groups in that VPC, with commas.")
    ] = None,
    config: ConfigOption = DECLARATION,
) -> None:
    """Add a stage to bridge.toml, or change one.

    On a terminal, it asks for what isn't given as an option; an empty answer leaves a setting out.
    """
    options = {
        "region": region,
        "account": account,
        "alarm_email": alarm_email,
        "subnets": subnets,
        "security_groups": security_groups,
    }
    with errors_explained(interrupted="nothing was changed"):
        values = {key: _value(key, text) for key, text in options.items() if text is not None}
        if sys.stdin.isatty():
            values |= _asked([key for key in _QUESTIONS if key not in values], _present(config, name))
        with changing(config) as declaration:
            text = _with_stage(declaration, name, values)
            declaration.check(text, stage=name)
            if text != declaration.text:
                declaration.write(text)
        print(f"{config} has stage {name}" + (" as it was" if text == declaration.text else ""))
        _say_next(name)


def _value(key: str, text: str) -> Any:
    if key not in _LISTS:
        return text.strip()
    return [part.strip() for part in text.split(",") if part.strip()]


def _present(declaration: Path, name: str) -> Mapping[str, Any]:
    """Present settings of the stage: answers that Enter keeps."""
    try:
        stage = tomllib.loads(declaration.read_text("utf-8"))["stages"][name]
    except (OSError, ValueError, LookupError, TypeError):
        # Whatever is wrong with the file is said when it is opened for the change.
        return {}
    return stage if isinstance(stage, dict) else {}


def _asked(keys: Sequence[str], present: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for settings, each until the answer is allowed; those left empty are not among them."""
    print("Enter leaves a setting as it is.")
    answers: dict[str, Any] = {}
    for key in keys:
        if key == "security_groups" and not (answers.get("subnets") or "subnets" not in keys):
            continue
        default = present.get(key, "")
        answer = typer.prompt(
            _QUESTIONS[key],
            default=", ".join(default) if isinstance(default, list) else str(default),
            show_default=bool(default),
            value_proc=partial(_checked, key),
        )
        if answer:
            answers[key] = answer
    return answers


def _checked(key: str, text: str) -> Any:
    value = _value(key, text)
    try:
        Stage.model_validate({key: frozen(value)} if value else {})
    except ValidationError as error:
        # That it needs another setting beside it is for the stage as a whole.
        if any(detail["loc"] for detail in error.errors()):
            raise typer.BadParameter("; ".join(describe("stage", Stage, error))) from None
    return value


def _with_stage(declaration: Declaration, name: str, values: Mapping[str, Any]) -> str:
    """Return the declaration's text with these settings of the stage; its others are as they were."""
    if name not in declaration.sections.get("stages", {}):
        key = name if _BARE_KEY.fullmatch(name) else toml(name)
        lines = [f"[stages.{key}]", *(f"{setting} = {toml(value)}" for setting, value in values.items())]
        return declaration.with_appended("\n".join(lines) + "\n")
    for start, end in _sections(declaration.text, name):
        # By itself: of a whole file, tomlkit brings together sections of one kind that stand apart.
        section: Any = tomlkit.parse(declaration.text[start:end])
        _set(section["stages"][name], values)
        text = f"{declaration.text[:start]}{tomlkit.dumps(section)}{declaration.text[end:]}"
        if _is_meant(text, declaration, name, values):
            return text
    raise DeclarationError(f"{declaration.path}: write stage {name} as a section [stages.{name}] first")


def _sections(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Places where [stages.NAME] may begin and end: a line of a text may look like it."""
    key = re.escape(name)
    header = rf"""^[ \t]*\[\s*stages\s*\.\s*({key}|"{key}"|'{key}')\s*\]"""
    for begin in re.finditer(header, text, re.MULTILINE):
        following = (match.start() for match in _HEADER.finditer(text, begin.end()))
        # Before what only looks like a header, an array or a text isn't closed.
        yield from (
            (begin.start(), end) for end in [*following, len(text)] if _is_toml(text[begin.start() : end])
        )


def _is_meant(text: str, declaration: Declaration, name: str, values: Mapping[str, Any]) -> bool:
    """Tell whether a text changes these settings of the stage and nothing else."""
    meant = declaration.sections
    stages = {**meant["stages"], name: {**meant["stages"][name], **values}}
    return _is_toml(text) and tomllib.loads(text) == {**meant, "stages": stages}


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _set(table: Table, values: Mapping[str, Any]) -> None:
    # What follows the last setting is about the next section: new settings come before it.
    body = table.value.body
    last = max((index for index, (key, _) in enumerate(body) if key is not None), default=-1)
    following = body[last + 1 :]
    del body[last + 1 :]
    for setting, value in values.items():
        if table.get(setting) != value:
            table[setting] = value
    body.extend(following)


def _say_next(stage: str) -> None:
    print(
        f"next:\n"
        f"  . .venv/bin/activate\n"
        f"  npx cdk bootstrap -c stage={stage}    # once in an account and region\n"
        f"  npx cdk deploy -c stage={stage} external-compute-{stage}-secrets\n"
        f"  make secrets STAGE={stage} ENV_FILE=path/to/supabase/docker/.env\n"
        f"  make review STAGE={stage}\n"
        f"  make deploy STAGE={stage}"
    )
