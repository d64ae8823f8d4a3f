"""JSON as Postgres writes it: numbers of any length, values nested deeper than Python's recursion limit.

The standard library's decoder does nearly everything. Where it gives up on depth, a slower decoder that
keeps its own stack takes over.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

_WHITESPACE = re.compile(r"[ \t\n\r]*")


def _integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:
        # Python converts at most sys.get_int_max_str_digits() digits; numeric has up to 131,072.
        return Decimal(text)


def _refuse(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


_decoder = json.JSONDecoder(parse_float=Decimal, parse_int=_integer, parse_constant=_refuse)


def skip_whitespace(text: str, index: int) -> int:
    match = _WHITESPACE.match(text, index)
    return match.end() if match else index


def scan(text: str, index: int) -> tuple[Any, int]:
    """Decode the one JSON value that begins at index.

    Returns:
        The value, numbers with a fraction or an exponent as Decimal, and the index after it.
        Integers beyond what Python converts are Decimal too.

    Raises:
        ValueError: there is no JSON value at index.
    """
    try:
        return _decoder.raw_decode(text, index)
    except RecursionError:
        return _scan_deep(text, index)
    except ArithmeticError:
        raise ValueError("a number has an exponent beyond what Decimal holds") from None


def decode(text: str) -> Any:
    """Decode a JSON text: one value with nothing but white space around it.

    Raises:
        ValueError: text is not JSON.
    """
    value, end = scan(text, skip_whitespace(text, 0))
    if skip_whitespace(text, end) != len(text):
        raise ValueError(f"unexpected text after the JSON value, at character {end}")
    return value


def members(text: str, start: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Find the members of the JSON object that begins at start.

    Returns:
        By each member's name, where its value begins and ends in text; and the index after the object.

    Raises:
        ValueError: text is not a JSON object there, or a name occurs twice.
    """
    spans: dict[str, tuple[int, int]] = {}
    index = _after(text, start, "{")
    while _first(text, index) != "}":
        if spans:
            index = _after(text, index, ",")
        name, begin = _name(text, index)
        if name in spans:
            raise ValueError(f"the name {name[:80]!r} occurs twice in one object")
        end = scan(text, begin)[1]
        spans[name] = (begin, end)
        index = skip_whitespace(text, end)
    return spans, index + 1


def elements(text: str, start: int) -> Iterator[int]:
    """Walk the elements of the JSON array that begins at start.

    Yields:
        Where each element begins.

    Raises:
        ValueError: text is not a JSON array there.
    """
    index = _after(text, start, "[")
    first = True
    while _first(text, index) != "]":
        if not first:
            index = _after(text, index, ",")
        first = False
        yield index
        index = skip_whitespace(text, scan(text, index)[1])


def _first(text: str, index: int) -> str:
    return text[index : index + 1]


def _after(text: str, index: int, expected: str) -> int:
    if _first(text, index) != expected:
        raise ValueError(f"expected {expected!r} at character {index}")
    return skip_whitespace(text, index + 1)


def _name(text: str, index: int) -> tuple[str, int]:
    """Decode a member's name; return it and where its value begins."""
    if _first(text, index) != '"':
        raise ValueError(f"expected a name in double quotes at character {index}")
    name, index = _decoder.raw_decode(text, index)
    return name, _after(text, skip_whitespace(text, index), ":")


def _scan_deep(text: str, index: int) -> tuple[Any, int]:
    """Decode like scan, with a stack of its own instead of the interpreter's."""
    stack: list[tuple[Any, str]] = []
    while True:
        value, index, name = _begin(text, index)
        if name is not None:
            stack.append((value, name))
            continue
        while stack:
            container, key = stack[-1]
            if isinstance(container, list):
                container.append(value)
            else:
                container[key] = value
            index = skip_whitespace(text, index)
            if _first(text, index) != ("]" if isinstance(container, list) else "}"):
                break
            value, index = container, index + 1
            stack.pop()
        else:
            return value, index
        index = _after(text, index, ",")
        if isinstance(container, dict):
            key, index = _name(text, index)
            stack[-1] = (container, key)


def _begin(text: str, index: int) -> tuple[Any, int, str | None]:
    """Decode a whole scalar or empty container (no name), or open a container (name of its first member)."""
    opening = _first(text, index)
    if opening not in ("[", "{"):
        value, index = scan(text, index)
        return value, index, None
    index = skip_whitespace(text, index + 1)
    if opening == "[":
        return ([], index + 1, None) if _first(text, index) == "]" else ([], index, "")
    if _first(text, index) == "}":
        return {}, index + 1, None
    name, index = _name(text, index)
    return {}, index, name
