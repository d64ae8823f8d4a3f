"""A function's environment variables and tables, read once into its own settings."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.errors import SettingsError

# Beside the function's package; stacks/code/source.py writes it.
TABLES = "tables.json"


def variables() -> dict[str, str]:
    """Return the environment variables of this process, and its tables as if they were some.

    A table is JSON that grows with bridge.toml: it travels with the code, because Lambda allows 4 KB for all
    variables together. A variable of the same name goes before it.
    """
    folder = os.environ.get("LAMBDA_TASK_ROOT")
    file = Path(folder) / TABLES if folder else None
    tables = json.loads(file.read_text("utf-8")) if file and file.is_file() else {}
    return {**{name: json.dumps(table) for name, table in tables.items()}, **os.environ}


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable.

    Raises:
        SettingsError: it is not set, or empty.
    """
    value = environment.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


def required_json(environment: Mapping[str, str], name: str, kind: type[dict[Any, Any] | list[Any]]) -> Any:
    """Return a variable that holds JSON of one kind: dict or list.

    Raises:
        SettingsError: it is not set, or not that.
    """
    text = required(environment, name)
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        expected = {dict: "object", list: "array"}[kind]
        raise SettingsError(f"the environment variable {name} must be a JSON {expected}, not {text!r}")
    return value


def queue_urls(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the URLs of queues by workers: QUEUE_ADDRESS, which all have in common, and the names in QUEUES.

    Raises:
        SettingsError: one is not set, or QUEUES is no JSON object.
    """
    address = required(environment, "QUEUE_ADDRESS")
    return {worker: f"{address}{name}" for worker, name in required_json(environment, "QUEUES", dict).items()}
