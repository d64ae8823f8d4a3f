"""What a log may tell of an error: never the rows, values and tokens that its message may quote."""

import sys
import traceback
from typing import TYPE_CHECKING, Any, TypeGuard

from bridge.errors import BridgeError, SupabaseError

if TYPE_CHECKING:
    import psycopg

# Classes of SQLSTATE, and groups of PostgREST's codes, whose messages name objects. Others quote values, such
# as 22 ("invalid input syntax for type uuid: …") and whatever a trigger raises.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_NAMING_OBJECTS = (
    *("08", "0A", "23", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"),
    *("PGRST0", "PGRST2", "PGRST3"),
)


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an error for the log without the values that Postgres and PostgREST quote."""
    described: dict[str, Any] = {"error": type(error).__name__}
    if is_of_postgres(error):
        described |= {
            "sqlstate": error.sqlstate,
            "reason": None if _is_raised(error) else _told(error.sqlstate, error.diag.message_primary),
            "constraint": error.diag.constraint_name,
        }
    elif isinstance(error, SupabaseError):
        described |= {"status": error.status, "code": error.code, "reason": _told(error.code, error.message)}
    elif isinstance(error, BridgeError):
        described["reason"] = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    described["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return described


def _is_raised(error: "psycopg.Error") -> bool:
    # A trigger may raise whatever it likes under any code.
    return error.diag.source_function == "exec_stmt_raise"


def _told(code: str | None, message: str | None) -> str | None:
    # Without a code, it is the gateway's or this side's own.
    return message if not code or code.startswith(_NAMING_OBJECTS) else None


def is_of_postgres(error: BaseException) -> "TypeGuard[psycopg.Error]":
    """Tell whether it is psycopg's, without importing psycopg into functions that don't use it."""
    loaded = sys.modules.get("psycopg")
    return loaded is not None and isinstance(error, loaded.Error)
