"""SQL for what a request asks for: every name quoted, every value bound."""
# ruff: noqa: S608 - that is what this module is for

from collections.abc import Sequence

from tools.local.supabase_api.database import Statement, quoted
from tools.local.supabase_api.rest_conditions import OPERATORS, PATTERNS, Condition, Group
from tools.local.supabase_api.rest_query import Order, Path, Query, Selected, path_of

SCHEMA = "public"
SOURCE = "pgrst_source"


def collected(*, singular: bool) -> str:
    """Return the rows of SOURCE, which are JSON in its column `body`, as one text; a single one as it is."""
    agg = "json_agg(body)"
    return f"({agg} -> 0)::text" if singular else f"coalesce({agg}, '[]')::text"


def as_json(listed: str) -> str:
    """Return columns of a row as its one JSON."""
    return f"(select row_to_json(pgrst_row) from (select {listed}) as pgrst_row)"


def table(name: str) -> str:
    return quoted(SCHEMA, name)


def columns(query: Query, relation: str, statement: Statement) -> str:
    """Return the columns of the answer, as a list after `select` or `returning`."""
    if not query.select:
        return f"{quoted(relation)}.*"
    return ", ".join(_selected(wanted, relation, statement) for wanted in query.select)


def where(conditions: Sequence[Condition | Group], relation: str, statement: Statement) -> str:
    """Return the conditions with `where`, or nothing."""
    if not conditions:
        return ""
    return "where " + " and ".join(_condition(member, relation, statement) for member in conditions)


def order(terms: Sequence[Order], relation: str, statement: Statement) -> str:
    """Return the order with `order by`, or nothing."""
    if not terms:
        return ""
    written = (
        f"{_expression(term.path, relation, statement)} {term.direction} {term.nulls}".rstrip()
        for term in terms
    )
    return "order by " + ", ".join(written)


def _selected(wanted: Selected, relation: str, statement: Statement) -> str:
    expression = _expression(wanted.path, relation, statement)
    if wanted.cast:
        expression = f"cast({expression} as {wanted.cast})"
    name = wanted.alias or (wanted.path.steps[-1][1] if wanted.path.steps else wanted.path.column)
    return f"{expression} as {quoted(name)}"


def _expression(path: Path, relation: str, statement: Statement) -> str:
    column = quoted(relation, path.column)
    if not path.steps:
        return column
    steps = "".join(
        f"{arrow}{statement.bind(key)}::{'integer' if _index(key) else 'text'}" for arrow, key in path.steps
    )
    # to_jsonb, so that rows and arrays have members too.
    return f"to_jsonb({column}){steps}"


def _index(key: str) -> bool:
    return key.removeprefix("-").isdecimal()


def _condition(member: Condition | Group, relation: str, statement: Statement) -> str:
    if isinstance(member, Group):
        parts = [_condition(part, relation, statement) for part in member.members]
        written = "(" + f" {member.joined_by} ".join(parts) + ")"
    else:
        written = _comparison(member, relation, statement)
    return f"not {written}" if member.negated else written


def _comparison(condition: Condition, relation: str, statement: Statement) -> str:
    expression = _expression(path_of(condition.column), relation, statement)
    if isinstance(condition.value, list):
        values = ", ".join(statement.bind(value) for value in condition.value)
        return f"{expression} in ({values})" if values else f"{expression} = any('{{}}')"
    if condition.operator == "is":
        return f"{expression} is {condition.value}"
    value = condition.value.replace("*", "%") if condition.operator in PATTERNS else condition.value
    return f"{expression} {OPERATORS[condition.operator]} {statement.bind(value)}"
