"""Conditions of a request to PostgREST: column, operator, value; and trees of them with and, or, not."""

import re
from dataclasses import dataclass

from tools.local.supabase_api.errors import unparsable

# As SQL writes them.
OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
}
PATTERNS = frozenset({"like", "ilike"})
IS = {"null": "null", "not_null": "not null", "true": "true", "false": "false", "unknown": "unknown"}
IN = "in"
EXPECTED = "operator (eq, gt, gte, lt, lte, neq, like, ilike, in, is, not, ...)"
ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|[^,]*')
# Inside of a tree: a list, an array, a quoted value, or what comes before the next comma or parenthesis.
TREE_LIST = re.compile(r'\((?:"(?:[^"\\]|\\.)*"|[^)"])*\)')
TREE_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|\{[^}]*\}|[^,)]*')
TREE_COLUMN = re.compile(r'("(?:[^"\\]|\\.)*"|[^.,()]+)\.')
TREE_GROUP = re.compile(r"(not\.)?(and|or)\(")


@dataclass(frozen=True)
class Condition:
    """One comparison; `column` as the request has it, `value` a list for `in`, a keyword of SQL for `is`."""

    column: str
    operator: str
    value: str | list[str]
    negated: bool = False


@dataclass(frozen=True)
class Group:
    """Conditions joined by "and" or "or"."""

    joined_by: str
    members: list["Condition | Group"]
    negated: bool = False


def condition(column: str, text: str) -> Condition:
    """Read `not.eq.1` as a condition on the column.

    Raises:
        RestError: PGRST100.
    """
    negated = text.startswith("not.")
    rest = text.removeprefix("not.")
    operator, dot, value = rest.partition(".")
    if not dot or operator not in {*OPERATORS, IN, "is"}:
        raise unparsable("filter", text, len(text) - len(rest), expected=EXPECTED)
    return Condition(column, operator, _value(operator, value, text), negated)


def group(name: str, text: str) -> Group:
    """Read `or` and `(a.eq.1,not.and(b.gt.2,c.is.null))`.

    Raises:
        RestError: PGRST100.
    """
    return _Tree(name + text, text).whole()


def _value(operator: str, value: str, text: str) -> str | list[str]:
    at = len(text) - len(value)
    if operator == "is":
        if value.lower() not in IS:
            raise unparsable("filter", text, at, expected="null, not_null, true, false or unknown")
        return IS[value.lower()]
    if operator != IN:
        return value
    if not (value.startswith("(") and value.endswith(")")):
        raise unparsable("filter", text, at, expected='"("')
    return _elements(value[1:-1], text)


def _elements(listed: str, text: str) -> list[str]:
    found: list[str] = []
    position = 0
    while listed:
        match = ELEMENT.match(listed, position)
        if match is None or (match.end() < len(listed) and listed[match.end()] != ","):
            raise unparsable("filter", text, text.find(listed) + position, expected='"," or ")"')
        found.append(_unescaped(match[1]) if match[1] is not None else match[0])
        if match.end() >= len(listed):
            break
        position = match.end() + 1
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


class _Tree:
    """Reads a tree from its beginning to its end."""

    def __init__(self, whole: str, shown: str) -> None:
        self._text = whole
        self._shown = shown
        self._position = 0

    def whole(self) -> Group:
        found = self._group()
        if found is None or self._position != len(self._text):
            raise self._unexpected('"(", "," or ")"')
        return found

    def _group(self) -> Group | None:
        match = TREE_GROUP.match(self._text, self._position)
        if match is None:
            return None
        self._position = match.end()
        members = [self._member()]
        while self._taken(","):
            members.append(self._member())
        if not self._taken(")"):
            raise self._unexpected('"," or ")"')
        return Group(match[2], members, match[1] is not None)

    def _member(self) -> Condition | Group:
        return self._group() or self._condition()

    def _condition(self) -> Condition:
        column = TREE_COLUMN.match(self._text, self._position)
        if column is None:
            raise self._unexpected("field name (* or [a..z0..9_$])")
        self._position = column.end()
        negated = self._taken("not.")
        operator, dot, _ = self._text[self._position :].partition(".")
        if not dot or operator not in {*OPERATORS, IN, "is"}:
            raise self._unexpected(EXPECTED)
        self._position += len(operator) + 1
        return Condition(column[1], operator, self._operand(operator), negated)

    def _operand(self, operator: str) -> str | list[str]:
        found = (TREE_LIST if operator == IN else TREE_VALUE).match(self._text, self._position)
        if found is None:
            raise self._unexpected('"("')
        self._position = found.end()
        value = found[0]
        if value.startswith('"'):
            value = _unescaped(value[1:-1])
        return _value(operator, value, self._shown)

    def _taken(self, text: str) -> bool:
        taken = self._text.startswith(text, self._position)
        if taken:
            self._position += len(text)
        return taken

    def _unexpected(self, expected: str) -> Exception:
        before = len(self._text) - len(self._shown)
        return unparsable("logic tree", self._shown, max(0, self._position - before), expected=expected)
