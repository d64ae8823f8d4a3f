"""Errors as PostgREST 14 answers them: https://docs.postgrest.org/en/v14/references/errors.html."""

from collections.abc import Mapping
from typing import Any

import psycopg

UNAUTHORIZED = 401
ANONYMOUS = "anon"

# The first prefix that fits decides.
STATUS_BY_SQLSTATE = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "21": 500,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57P01": 503,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0001": 400,
    "P0": 500,
    "XX": 500,
}
# `raise sqlstate 'PT409'` answers with that status.
CHOSEN_BY_FUNCTION = "PT"
HTTP_STATUSES = range(200, 600)


class RestError(Exception):
    """An answer of PostgREST that is none of success."""

    def __init__(  # noqa: PLR0913 - the members of its body
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        if status == UNAUTHORIZED:
            self.headers.setdefault("WWW-Authenticate", "Bearer")
        self.body: dict[str, Any] = {"code": code, "details": details, "hint": hint, "message": message}


class UnreachableError(Exception):
    """The database takes no connection."""


class BusyError(Exception):
    """Every connection of the pool was taken for too long."""


def unparsable(what: str, text: str, position: int, *, expected: str) -> RestError:
    """Return the error for a query parameter that can't be read, from its character `position` on."""
    found = f'"{text[position]}"' if position < len(text) else "end of input"
    return RestError(
        400,
        "PGRST100",
        f'"failed to parse {what} ({text})" (line 1, column {position + 1})',
        details=f"unexpected {found} expecting {expected}",
    )


def not_implemented(what: str) -> RestError:
    """Return the error for what PostgREST can do and its stand-in can't."""
    return RestError(
        400, "PGRST127", "Feature not implemented", details=f"The local stand-in for PostgREST lacks {what}."
    )


def from_database(error: Exception, role: str) -> RestError:
    """Return what PostgREST answers when the database, or the way to it, fails."""
    if isinstance(error, UnreachableError):
        return RestError(
            503, "PGRST000", "Database connection error. Retrying the connection.", details=str(error)
        )
    if isinstance(error, BusyError):
        return RestError(504, "PGRST003", "Timed out acquiring connection from connection pool.")
    if isinstance(error, psycopg.DataError) and error.sqlstate is None:
        # The driver is before the server in refusing a zero byte.
        return RestError(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return RestError(
            503, "PGRST001", "Database client error. Retrying the connection.", details=str(error)
        )
    diagnostic = error.diag
    return RestError(
        _status(error.sqlstate, diagnostic.message_primary or "", role),
        error.sqlstate,
        diagnostic.message_primary or str(error),
        details=diagnostic.message_detail,
        hint=diagnostic.message_hint,
    )


def _status(sqlstate: str, message: str, role: str) -> int:
    if sqlstate == "42501":
        return UNAUTHORIZED if role == ANONYMOUS else 403
    if sqlstate == "21000" and message.endswith("requires a WHERE clause"):
        return 400
    if sqlstate == "22023" and message.startswith("role") and message.endswith("does not exist"):
        return UNAUTHORIZED
    chosen = sqlstate.removeprefix(CHOSEN_BY_FUNCTION)
    if chosen != sqlstate and chosen.isdecimal() and int(chosen) in HTTP_STATUSES:
        return int(chosen)
    return next((status for prefix, status in STATUS_BY_SQLSTATE.items() if sqlstate.startswith(prefix)), 400)
