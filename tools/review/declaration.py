"""What the bridge stack asks of the database: the properties of its custom resource."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.review.assembly import BRIDGE, Assembly
from tools.review.differences import ABSENT, differences
from tools.review.errors import ReviewError
from tools.review.names import Names


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The declaration as `bridge.sync` gets it, and the hash of sql/; empty where no bridge is deployed."""

    content: Mapping[str, Any] = field(default_factory=dict)
    sql_hash: str = ""

    @property
    def webhooks(self) -> list[Mapping[str, Any]]:
        """The webhooks, in the order of bridge.toml."""
        found: list[Mapping[str, Any]] = self.content.get("webhooks", [])
        return found


@dataclass(frozen=True, order=True, kw_only=True)
class Setting:
    """A setting that differs, such as webhook "invoice.paid": targets; "" where it isn't set."""

    name: str
    before: str
    after: str


def read_declaration(assembly: Assembly) -> Declaration:
    """Find it in a stage's templates.

    Raises:
        ReviewError: it is no JSON once references are names.
    """
    names = Names(assembly)
    for stack, _, properties in assembly.of_type(BRIDGE):
        text = names.text(stack, properties.get("Declaration", "{}"))
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ReviewError(f"the declaration in {stack.name} is no JSON: {error}") from error
        return Declaration(content=content, sql_hash=names.text(stack, properties.get("SqlHash", "")))
    return Declaration()


def settings_changed(base: Declaration, head: Declaration) -> list[Setting]:
    """Return what differs besides which triggers there are: of the whole, of targets, of webhooks in both."""
    found = [
        Setting(name=".".join(each.path), before=_written(each.before), after=_written(each.after))
        for each in differences(_whole(base), _whole(head))
    ]
    for kind in ("targets", "webhooks"):
        before, after = _by_name(base, kind), _by_name(head, kind)
        shared = before.keys() & after.keys() if kind == "webhooks" else before.keys() | after.keys()
        for name in sorted(shared):
            title = f'{kind.removesuffix("s")} "{name}"'
            found += [
                Setting(
                    name=": ".join([title, *each.path[:1]]),
                    before=_written(each.before),
                    after=_written(each.after),
                )
                for each in differences(before.get(name, ABSENT), after.get(name, ABSENT))
            ]
    return found


def addresses(declaration: Declaration) -> set[tuple[str, str]]:
    """Return the targets outside AWS: name and address."""
    targets = declaration.content.get("targets", [])
    return {(each["name"], each["url"]) for each in targets if each.get("url")}


def _whole(declaration: Declaration) -> dict[str, Any]:
    return {key: each for key, each in declaration.content.items() if key not in {"targets", "webhooks"}}


def _by_name(declaration: Declaration, kind: str) -> dict[str, Any]:
    return {each["name"]: each for each in declaration.content.get(kind, [])}


def _written(value: Any) -> str:
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
