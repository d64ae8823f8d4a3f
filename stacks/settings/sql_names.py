"""Names of tables and columns as Postgres reads them."""

import re
from collections.abc import Iterator

LONGEST_NAME = 63  # bytes: NAMEDATALEN - 1

# Letters beyond ASCII count as letters: PostgreSQL manual, 4.1.1, "Identifiers and Key Words".
_IDENTIFIER = re.compile(
    r"""\s* (?: (?P<plain>[A-Za-z_\u0080-\U0010FFFF][A-Za-z0-9_$\u0080-\U0010FFFF]*)
              | "(?P<quoted>(?:[^"\0]|"")+)" ) \s*""",
    re.VERBOSE,
)


def parse_table(text: str) -> tuple[str, str]:
    """Split a table's name, written as SQL writes it, into schema and table as Postgres stores them.

    Raises:
        ValueError: with what is wrong and how to write it.
    """
    parts = tuple(_identifiers(text))
    if len(parts) == 1:
        raise ValueError(f"it names no schema; did you mean {f'public.{text.strip()}'!r}?")
    if len(parts) > 2:  # noqa: PLR2004
        raise ValueError("it has more than two parts; leave the database out")
    for part in parts:
        check_length(part)
    return parts[0], parts[1]


def check_length(name: str) -> None:
    """Refuse a name that Postgres would cut.

    Raises:
        ValueError: the name has more than 63 bytes.
    """
    if (length := len(name.encode())) > LONGEST_NAME:
        raise ValueError(f"{name!r} has {length} bytes; Postgres keeps {LONGEST_NAME}")


def _identifiers(text: str) -> Iterator[str]:
    position = 0
    while match := _IDENTIFIER.match(text, position):
        yield match["quoted"].replace('""', '"') if match["quoted"] else _folded(match["plain"])
        position = match.end()
        if position == len(text):
            return
        if text[position] != ".":
            break
        position += 1
    raise ValueError(
        f"{text[position:] or 'the end'!r} can't be read as a name; "
        "a name with upper case, spaces or signs is written in double quotes"
    )


def _folded(name: str) -> str:
    """As Postgres folds an unquoted name: ASCII only."""
    return "".join(c.lower() if c.isascii() else c for c in name)
