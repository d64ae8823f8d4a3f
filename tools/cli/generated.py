"""The files of a new worker or function, made from `templates/`."""

import builtins
import json
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"
_PARAMETER = re.compile(r"{(\w+)}")
_ROW = {"id": 1}
# What each function of the template calls, and a member of its answer.
_CALLED = "database_role"
# So that a function's head fits into a line.
_LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Example:
    """The event that a generated test hands to its worker.

    Attributes:
        webhook: its name.
        operation: insert, update or delete.
        schema: the table's, as Postgres stores it.
        table: its name, as Postgres stores it.
    """

    webhook: str = "example"
    operation: str = "insert"
    schema: str = "public"
    table: str = "examples"

    @property
    def record(self) -> dict[str, Any] | None:
        return None if self.operation == "delete" else _ROW

    @property
    def old_record(self) -> dict[str, Any] | None:
        return None if self.operation == "insert" else _ROW


def python_worker(name: str, example: Example) -> dict[str, str]:
    """Return the files of a worker in Python, by their names."""
    imports = ["from bridge.events import Event, Transaction", f"from {name}.handler import handler"]
    return _rendered(
        "worker-python",
        name=name,
        imports="\n".join(sorted(imports)),
        operation=example.operation.upper(),
        record=repr(example.record).replace("'", '"'),
        old_record=repr(example.old_record).replace("'", '"'),
        **{member: _python(getattr(example, member)) for member in ("webhook", "schema", "table")},
    )


def node_worker(name: str, example: Example) -> dict[str, str]:
    """Return the files of a worker in Node.js, by their names."""
    return _rendered(
        "worker-node",
        name=name,
        operation=example.operation.upper(),
        record="{ id: 1 }" if example.record else "null",
        old_record="{ id: 1 }" if example.old_record else "null",
        **{member: _javascript(getattr(example, member)) for member in ("webhook", "schema", "table")},
    )


def python_function(name: str, routes: Sequence[str], *, public: bool) -> dict[str, str]:
    """Return the files of a function, by their names.

    Args:
        name: the function's.
        routes: such as "GET /invoices/{id}".
        public: whether it answers without a token, and so without a caller.
    """
    return _rendered(
        "function-python",
        name=name,
        caller="" if public else ", caller=api.caller(app)",
        routes="\n".join(map(_route, routes, _function_names(routes))),
        cases="\n".join("    ({}, {}),".format(*map(_python, route.split())) for route in routes),
    )


def parameter_mistake(route: str) -> str | None:
    """Sentence about a name in a route's braces that can't be its function's parameter; None: all can."""
    for name in _PARAMETER.findall(route):
        if not name.isidentifier() or keyword.iskeyword(name):
            return f"{{{name}}} can't name a parameter in Python; rename it"
        if name == _CALLED:
            return f"{{{name}}} would hide the function that handler.py calls for its answer; rename it"
    return None


def _rendered(folder: str, **values: str) -> dict[str, str]:
    return {
        template.name.removesuffix(".txt"): Template(template.read_text("utf-8")).substitute(values)
        for template in sorted((_TEMPLATES / folder).glob("*.txt"))
    }


def _function_names(routes: Sequence[str]) -> list[str]:
    names = ["_".join(re.findall(r"[a-z0-9]+", route.lower()))[:_LONGEST_NAME] for route in routes]
    return [
        name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names, start=1)
    ]


def _route(route: str, function: str) -> str:
    method, path = route.split()
    parameters = _PARAMETER.findall(path)
    rule = _PARAMETER.sub(r"<\1>", path)
    return "\n".join(
        [
            f"\n@app.{method.lower()}({_python(rule)})",
            f"def {function}({_listed(map(_parameter, parameters))}) -> dict[str, str]:",
            f"    return {_answer(parameters)}\n",
        ]
    )


def _listed(parameters: Iterable[str]) -> str:
    # One a line, with a comma at the end: so the formatter leaves them, however long they are.
    lines = "".join(f"    {parameter}\n" for parameter in parameters)
    return f"\n{lines}" if lines else ""


def _parameter(name: str) -> str:
    rules = ["A002"] if hasattr(builtins, name) else []
    rules += [] if name == name.lower() else ["N803"]
    return f"{name}: str," + (f"  # noqa: {', '.join(rules)} - the path's name" if rules else "")


def _answer(parameters: Sequence[str]) -> str:
    if not parameters:
        return f'{{"{_CALLED}": {_CALLED}()}}'
    members = "".join(f'        "{name}": {name},\n' for name in parameters)
    return f'{{\n{members}        "{_CALLED}": {_CALLED}(),\n    }}'


def _python(text: str) -> str:
    """Return a literal, quoted as the formatter would."""
    return repr(text) if '"' in text else json.dumps(text, ensure_ascii=False)


def _javascript(text: str) -> str:
    """Return a literal, quoted as the formatter would."""
    literal = json.dumps(text, ensure_ascii=False)
    return literal if "'" in text or "\\" in literal else f"'{text}'"


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, by their names, into a folder."""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
