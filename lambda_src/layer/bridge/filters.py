"""Filters of PostgREST's query strings: which rows.

https://docs.postgrest.org/en/stable/references/api/tables_views.html#horizontal-filtering
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a column; all conditions of a request must hold."""

    column: str
    condition: str


def eq(column: str, value: Any) -> Filter:
    """Equal to a value; for null, see `is_null`."""
    return Filter(column, f"eq.{_text(value)}")


def neq(column: str, value: Any) -> Filter:
    """Not equal to a value, and not null."""
    return Filter(column, f"neq.{_text(value)}")


def gt(column: str, value: Any) -> Filter:
    """Greater than a value."""
    return Filter(column, f"gt.{_text(value)}")


def gte(column: str, value: Any) -> Filter:
    """Greater than a value, or equal."""
    return Filter(column, f"gte.{_text(value)}")


def lt(column: str, value: Any) -> Filter:
    """Less than a value."""
    return Filter(column, f"lt.{_text(value)}")


def lte(column: str, value: Any) -> Filter:
    """Less than a value, or equal."""
    return Filter(column, f"lte.{_text(value)}")


def like(column: str, pattern: str) -> Filter:
    """Like a pattern of SQL; PostgREST takes `*` for `%` too."""
    return Filter(column, f"like.{pattern}")


def is_in(column: str, values: Iterable[Any]) -> Filter:
    """Equal to one of the values."""
    return Filter(column, f"in.({','.join(_quoted(_text(value)) for value in values)})")


def is_null(column: str) -> Filter:
    """Null."""
    return Filter(column, "is.null")


def is_not_null(column: str) -> Filter:
    """Not null."""
    return Filter(column, "not.is.null")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | float | Decimal | UUID):
        return str(value)
    raise TypeError(
        f"a filter compares with a single value, not with {type(value).__name__}; see is_null, is_in"
    )


def _quoted(text: str) -> str:
    # Within a list, commas and parentheses would end the value.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
