"""The sentences that a wrong bridge.toml is answered with."""

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo


def describe(entry: str, model: type[BaseModel], error: ValidationError) -> Iterator[str]:
    """One sentence for each mistake in one entry: the entry, the field, what was given, what is allowed."""
    for detail in error.errors():
        match detail["loc"]:
            case ():
                yield f"{entry}: {_reason(detail)}"
            case (field, *_) if detail["type"] == "extra_forbidden":
                yield f"{entry}: {unknown('setting', str(field), model.model_fields)}"
            case (field, *_) if detail["type"] == "missing":
                yield f"{entry}: {field} is missing; allowed: {model.model_fields[str(field)].description}"
            case (field, *_):
                yield f"{entry}: {_wrong_value(str(field), model.model_fields[str(field)], detail)}"


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, name the nearest known one, and list them all."""
    names = sorted(known)
    listed = ", ".join(names) if names else "none"
    return f"{written(name)} is no {kind}{nearest(name, names) or ';'} known: {listed}"


def nearest(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {written(found[0])}?" if found else ""


def written(value: Any) -> str:
    """The value as TOML would write it, cut after 100 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else f"{text[:100]}…"  # noqa: PLR2004


def _wrong_value(field: str, info: FieldInfo, detail: Any) -> str:
    given = detail["input"]
    choices = [choice for choice in _literals(info.annotation) if isinstance(choice, str)]
    guess = nearest(given, choices) if isinstance(given, str) else ""
    because = f" ({reason})" if (reason := _reason(detail)) else ""
    return f"{field} = {written(given)} is wrong{because}; allowed: {info.description}{guess}"


def _reason(detail: Any) -> str:
    """What one of the model's own checks said, or nothing where the allowed values say it all."""
    return str(detail["ctx"]["error"]) if detail["type"] == "value_error" else ""


def _literals(annotation: Any) -> Iterator[Any]:
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _literals(argument)
