"""Words that several sections share."""

from collections.abc import Sequence

from tools.review.page import Badge, Cell, Mark, Table

_MARKS: dict[str, Mark] = {
    "added": "new",
    "new": "new",
    "created": "new",
    "changed": "changed",
    "code changed": "changed",
    "new version": "changed",
    "may be replaced": "replaced",
    "replaced": "replaced",
    "removed": "removed",
    "dropped": "removed",
}


def badge(word: str) -> Badge:
    """Return a word in its colour."""
    return Badge(word, _MARKS.get(word, ""))


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return "1 trigger", "2 triggers", "no triggers"."""
    plural = many or f"{one}s"
    return f"{number or 'no'} {one if number == 1 else plural}"


def status(before: object | None, after: object | None) -> str:
    """Return what became of something: new, removed, changed or nothing."""
    if before is None:
        return "new"
    if after is None:
        return "removed"
    return "" if before == after else "changed"


def marked(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Return a table whose first column tells what became of each row; without it where nothing did."""
    if any(isinstance(each, Badge) and each.word for row in rows for each in row[0]):
        return Table(["", *columns], rows)
    return Table(columns, [row[1:] for row in rows])
