"""One line of JSON each, whose members Vercel's runtime logs can search.

Never in it: bodies, rows, tokens, secrets, and what Postgres and Stripe quote of them.

Vercel gives the root logger a handler that files each line with its request. Libraries write to it too; those
that tell every request, with its address, are kept to warnings.
"""

import json
import logging
import traceback
from typing import Any

import psycopg

from vercel_app.errors import AppError, UnavailableError

_FRAMES = 8
# Classes of SQLSTATE whose messages name objects. Others quote values, such as 22 ("invalid input syntax for
# type uuid: …"). https://www.postgresql.org/docs/current/errcodes-appendix.html
_NAMING_OBJECTS = ("08", "0A", "23", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
_logger = logging.getLogger("vercel_app")

for _name in ("httpx", "stripe"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def info(message: str, **fields: Any) -> None:
    """Log what is as it should be."""
    _log(logging.INFO, message, fields)


def warning(message: str, **fields: Any) -> None:
    """Log what the sender has to mend, or what passes."""
    _log(logging.WARNING, message, fields)


def error(message: str, **fields: Any) -> None:
    """Log what the owner of this project has to mend."""
    _log(logging.ERROR, message, fields)


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an error without the values that its message may quote."""
    described: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, psycopg.Error):
        described |= {
            "sqlstate": error.sqlstate,
            "constraint": error.diag.constraint_name,
            "reason": _told(error),
        }
    elif isinstance(error, AppError):
        described["reason"] = getattr(error, "reason", "") or str(error)
    frames = traceback.extract_tb(error.__traceback__)
    described["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-_FRAMES:]]
    if isinstance(error, UnavailableError) and error.__cause__ is not None:
        described["cause"] = type(error.__cause__).__name__
    return described


def _told(error: psycopg.Error) -> str | None:
    if error.sqlstate is None:
        # Not the server's, and only the server knows values.
        return " ".join(str(error).split())
    # A trigger may raise whatever it likes under any code.
    raised = error.diag.source_function == "exec_stmt_raise"
    told = error.sqlstate.startswith(_NAMING_OBJECTS) and not raised
    return error.diag.message_primary if told else None


def _log(level: int, message: str, fields: dict[str, Any]) -> None:
    line = {"level": logging.getLevelName(level).lower(), "message": message, **fields}
    _logger.log(level, "%s", json.dumps(line, default=str))
