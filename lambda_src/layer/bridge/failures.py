"""What a log may tell of an error: never the rows, values and tokens that its message may quote."""

import sys
import traceback
from typing import TYPE_CHECKING, Any, TypeGuard

from bridge.errors import BridgeError

if TYPE_CHECKING:
    import psycopg


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an error for the log without the rows that Postgres quotes in DETAIL and CONTEXT."""
    described: dict[str, Any] = {"error": type(error).__name__}
    if is_of_postgres(error):
        described |= {
            "sqlstate": error.sqlstate,
            "reason": error.diag.message_primary,
            "constraint": error.diag.constraint_name,
        }
    elif isinstance(error, BridgeError):
        described["reason"] = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    described["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return described


def is_of_postgres(error: BaseException) -> "TypeGuard[psycopg.Error]":
    """Tell whether it is psycopg's, without importing psycopg into functions that don't use it."""
    loaded = sys.modules.get("psycopg")
    return loaded is not None and isinstance(error, loaded.Error)
