"""Which stage is meant, and what -c changes in it."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_origin

from stacks.settings.mistakes import unknown
from stacks.settings.sections import Sections, frozen
from stacks.settings.stage import Stage

_OWN_CONTEXT = {"config", "stage", "github", "github_provider"}


def chosen_stage(sections: Sections, context: Mapping[str, Any]) -> tuple[str, Stage] | None:
    """Read the stage that -c names, or the only one, with what else -c gives; None: there is a mistake."""
    stages = sections.named("stages", Stage)
    _check_context(sections, context)
    name = _chosen(sections, context.get("stage"))
    stage = _overridden(sections, name, stages.get(name), context) if name else None
    return (name, stage) if name and stage else None


def stage_name_mistake(name: str) -> str | None:
    """Sentence about a stage's name; None: it can be called so."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", name):
        return (
            f'stage "{name}": its name is wrong; allowed: a lower-case letter, '
            "then at most 15 lower-case letters, digits or '-'"
        )
    if name.endswith("-diff"):
        return (
            f'stage "{name}": its name is wrong: GitHub\'s environment {name} is the one that reads the '
            f'templates of stage "{name.removesuffix("-diff")}"; choose one that doesn\'t end in -diff'
        )
    return None


def _chosen(sections: Sections, wanted: str | None) -> str | None:
    stages = sections.data.get("stages", {})
    if not isinstance(stages, dict) or not stages:
        sections.mistakes.append("there is no stage; add a section [stages.NAME]")
        return None
    name = wanted if wanted is not None else next(iter(stages)) if len(stages) == 1 else None
    if name is None:
        sections.mistakes.append(
            f"there are several stages; choose one with -c stage=NAME; known: {', '.join(sorted(stages))}"
        )
    elif name not in stages:
        sections.mistakes.append(f"-c stage: {unknown('stage', name, stages)}")
    elif mistake := stage_name_mistake(name):
        sections.mistakes.append(mistake)
    else:
        return name
    return None


def _overridden(
    sections: Sections, name: str, stage: Stage | None, context: Mapping[str, Any]
) -> Stage | None:
    given = {key: context[key] for key in Stage.model_fields if key in context}
    if stage is None or not given:
        return stage
    converted = {key: _converted(key, value) for key, value in given.items()}
    label = " ".join(f"-c {key}={value}" for key, value in given.items())
    return sections.parse(f'{label} (for stage "{name}")', Stage, {**stage.model_dump(), **converted})


def _check_context(sections: Sections, context: Mapping[str, Any]) -> None:
    """A misspelt -c would be ignored; the CDK's own keys hold ':', '/' or '-'."""
    known = {*Stage.model_fields, *_OWN_CONTEXT}
    for key in context:
        if key not in known and key.isidentifier() and get_close_matches(key, known, n=1, cutoff=0.75):
            sections.mistakes.append(f"-c {key}={context[key]}: {unknown('setting', key, known)}")


def _converted(field: str, value: Any) -> Any:
    """-c gives text only: read what the setting is, a list or table of what commas separate."""
    annotation = Stage.model_fields[field].annotation
    if not isinstance(value, str):
        return frozen(value)
    if annotation is int and value.isdecimal():
        return int(value)
    if annotation is bool and value in {"true", "false"}:
        return value == "true"
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if get_origin(annotation) is tuple:
        return tuple(parts)
    if get_origin(annotation) is dict:
        return {key.strip(): item.strip() for key, _, item in (part.partition("=") for part in parts)}
    return value
