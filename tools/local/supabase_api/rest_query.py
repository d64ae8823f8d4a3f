"""The query string of a request to PostgREST, read into what it asks for.

https://docs.postgrest.org/en/v14/references/api/tables_views.html; embedding, aggregates and full-text search
are not read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tools.local.supabase_api.errors import RestError, not_implemented, unparsable
from tools.local.supabase_api.rest_conditions import Condition, Group, condition, group

MAX_ROWS = 1000
CAST = re.compile(r"\w+(\[\])?")
LOGIC = re.compile(r"(not\.)?(and|or)")
DIRECTIONS = {"asc": "asc", "desc": "desc"}
NULLS = {"nullsfirst": "nulls first", "nullslast": "nulls last"}
PASSED_BY = frozenset({"apikey"})


@dataclass(frozen=True)
class Path:
    """A column, or a member of a JSON column: its steps, each with "->" or "->>"."""

    column: str
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Selected:
    """A column of the answer."""

    path: Path
    alias: str = ""
    cast: str = ""


@dataclass(frozen=True)
class Order:
    """A column that rows are ordered by."""

    path: Path
    direction: str = ""
    nulls: str = ""


@dataclass
class Query:
    """What a query string asks for. `select` is empty for every column."""

    select: list[Selected] = field(default_factory=list)
    where: list[Condition | Group] = field(default_factory=list)
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    columns: list[str] | None = None
    on_conflict: list[str] = field(default_factory=list)


def parse(query_string: str) -> Query:
    """Read a query string.

    Raises:
        RestError: PGRST100, PGRST103, PGRST108 or PGRST127.
    """
    query = Query()
    for name, value in parse_qsl(query_string, keep_blank_values=True):
        _take(query, name, value)
    return query


def _take(query: Query, name: str, value: str) -> None:
    match name:
        case "select":
            query.select = _selected(value)
        case "order":
            query.order = [_order(term, value) for term in split(value)]
        case "limit":
            query.limit = _count(value)
        case "offset":
            query.offset = _count(value) or 0
        case "columns":
            query.columns = [unquoted(column) for column in split(value)]
        case "on_conflict":
            query.on_conflict = [unquoted(column) for column in split(value)]
        case _ if name in PASSED_BY:
            pass
        case _ if LOGIC.fullmatch(name):
            query.where.append(group(name, value))
        case _:
            query.where.append(condition(_unembedded(name), value))


def _count(value: str) -> int | None:
    """Return a limit or an offset; PostgREST passes over one that is no number."""
    try:
        count = int(value)
    except ValueError:
        return None
    if count < 0:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            details="Limit should be greater than or equal to zero.",
        )
    return count


def _unembedded(name: str) -> str:
    relation, dot, _ = name.partition(".")
    if not dot or name.startswith('"'):
        return name
    raise RestError(
        400,
        "PGRST108",
        f"'{relation}' is not an embedded resource in this request",
        hint=f"Verify that '{relation}' is included in the 'select' query parameter.",
    )


def _selected(text: str) -> list[Selected]:
    if "(" in text:
        raise not_implemented("resource embedding and aggregate functions")
    terms = split(text)
    found = [_column(term, text) for term in terms if term != "*"]
    if "*" in terms and found:
        raise not_implemented("a select of * beside other columns")
    return found


def _column(term: str, text: str) -> Selected:
    # Casts first: their colons aren't those of an alias.
    expression, colons, cast = term.partition("::")
    if colons and not CAST.fullmatch(cast):
        raise unparsable("select parameter", text, text.find("::") + 2, expected="the name of a type")
    alias, colon, named = expression.rpartition(":")
    path = path_of(named if colon else expression)
    if not path.column or (colon and not alias):
        raise unparsable("select parameter", text, text.find(term), expected="field name (* or [a..z0..9_$])")
    return Selected(path, unquoted(alias), cast)


def _order(term: str, text: str) -> Order:
    column, *modifiers = _dotted(term)
    direction = DIRECTIONS.get(modifiers.pop(0), "") if modifiers and modifiers[0] in DIRECTIONS else ""
    nulls = NULLS.get(modifiers.pop(0), "") if modifiers and modifiers[0] in NULLS else ""
    if modifiers or not column or term.startswith("."):
        at = text.find(term) + len(term) - len(".".join(modifiers))
        raise unparsable(
            "order", text, at, expected='"asc", "desc", "nullsfirst", "nullslast", "," or end of input'
        )
    return Order(path_of(column), direction, nulls)


def path_of(text: str) -> Path:
    """Read a column with the steps into its JSON: data->list->0->>name."""
    column, *steps = re.split(r"(->>|->)", text) if not text.startswith('"') else [text]
    pairs = tuple(zip(steps[::2], (unquoted(step) for step in steps[1::2]), strict=True))
    return Path(unquoted(column), pairs)


def split(text: str) -> list[str]:
    """Split a list at the commas outside of double quotes."""
    return [term for term in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,])+', text) if term]


def _dotted(text: str) -> Sequence[str]:
    return re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^.])+', text) or [""]


def unquoted(text: str) -> str:
    """Return a name or value without the double quotes around it."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text
