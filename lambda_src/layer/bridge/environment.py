"""A function's environment variables, read once into its own settings."""

import json
import re
from collections.abc import Mapping
from typing import Any

from bridge.errors import SettingsError

_TARGET_SECRET_ID = re.compile("TARGET_(.+)_SECRET_ID")


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


def target_secret_ids(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the Secrets Manager entries of targets outside AWS, from TARGET_NAME_SECRET_ID of each of them.

    Returns:
        By the target's name: "edge_worker" for TARGET_EDGE_WORKER_SECRET_ID.
    """
    return {
        found[1].lower(): value
        for name, value in environment.items()
        if (found := _TARGET_SECRET_ID.fullmatch(name))
    }
