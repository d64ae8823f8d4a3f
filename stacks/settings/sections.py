"""The sections of bridge.toml, whatever they hold, read into their models; what is wrong is collected."""

from typing import Any, TypeVar

from pydantic import ValidationError

from stacks.settings.mistakes import describe, written
from stacks.settings.section import Section

_Model = TypeVar("_Model", bound=Section)


class Sections:
    """A file's sections.

    Args:
        data: the file as TOML has it, frozen.

    Attributes:
        mistakes: what was found wrong so far, a sentence each.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.mistakes: list[str] = []
        self.data = data

    def listed(self, section: str, model: type[_Model]) -> tuple[_Model, ...]:
        """The entries of a section like [[webhooks]], those that are right."""
        entries = self.entries(section)
        kind = section.removesuffix("s")
        labels = [label_of(kind, entry.get("name"), index) for index, entry in enumerate(entries, 1)]
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            self.mistakes.append(f"{label}: name is used {labels.count(label)} times; each needs its own")
        parsed = [self.parse(label, model, entry) for label, entry in zip(labels, entries, strict=True)]
        return tuple(entry for entry in parsed if entry)

    def entries(self, section: str) -> tuple[dict[str, Any], ...]:
        entries = self.data.get(section, ())
        if isinstance(entries, tuple) and all(isinstance(entry, dict) for entry in entries):
            return entries
        mistake = f"{section} = {written(entries)} is wrong; begin each one with [[{section}]]"
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)
        return ()

    def named(self, section: str, model: type[_Model]) -> dict[str, _Model]:
        """The tables of a section like [stages.prod], by name."""
        tables = self.data.get(section, {})
        if not isinstance(tables, dict):
            self.mistakes.append(f"{section} = {written(tables)} is wrong; write [{section}.NAME]")
            return {}
        parsed: dict[str, _Model] = {}
        for name, table in tables.items():
            label = f'{section[:-1]} "{name}"'
            if not isinstance(table, dict):
                self.mistakes.append(f"{label}: {written(table)} is no table; write [{section}.{name}]")
            elif (value := self.parse(label, model, table)) is not None:
                parsed[name] = value
        return parsed

    def parse(self, label: str, model: type[_Model], data: dict[str, Any]) -> _Model | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.mistakes += describe(label, model, error)
            return None


def label_of(kind: str, name: Any, index: int) -> str:
    return f'{kind} "{name}"' if isinstance(name, str) else f"{kind} number {index}"


def frozen(value: Any) -> Any:
    """Arrays as tuples, which a frozen, strict model takes as they are."""
    match value:
        case list():
            return tuple(map(frozen, value))
        case dict():
            return {key: frozen(item) for key, item in value.items()}
        case _:
            return value
