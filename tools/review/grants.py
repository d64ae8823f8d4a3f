"""What two lists of statements have that the other hasn't."""

from dataclasses import dataclass

from tools.review.permissions import Statement

NEW, CHANGED, REMOVED, SAME = "new", "changed", "removed", ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A statement, and what became of it.

    Attributes:
        mark: NEW, CHANGED, REMOVED or SAME.
        statement: as it is now; of one that is removed, as it was.
        before: of one that is changed, as it was.
    """

    mark: str
    statement: Statement
    before: Statement | None = None


def compared(base: list[Statement], head: list[Statement]) -> list[Row]:
    """Return the statements of both; those that differ in actions or in resources alone are one row."""
    gone, come = [each for each in base if each not in head], [each for each in head if each not in base]
    rows = [Row(mark=SAME, statement=each) for each in head if each in base]
    for each in come:
        before = next((other for other in gone if _alike(other, each)), None)
        if before:
            gone.remove(before)
        rows.append(Row(mark=CHANGED if before else NEW, statement=each, before=before))
    rows += [Row(mark=REMOVED, statement=each) for each in gone]
    return sorted(rows, key=lambda row: (row.statement, row.mark))


def more(base: list[Statement], head: list[Statement], *, present: set[str]) -> list[tuple[str, ...]]:
    """Return what is allowed now and wasn't: (on, who, effect, conditions, action, resource) each.

    A denial that is gone is among them, unless what it was about is gone too.

    Args:
        base: the statements before.
        head: those now.
        present: the places of all resources now.
    """
    before = {grant for each in base for grant in each.grants}
    after = {grant for each in head for grant in each.grants}
    allowed = {grant for grant in after - before if grant[2] != "Deny"}
    denied = {grant for grant in before - after if grant[2] == "Deny" and present & {grant[0], grant[1]}}
    return sorted(allowed | denied)


def _alike(one: Statement, other: Statement) -> bool:
    same = (one.on, one.who, one.effect, one.conditions) == (
        other.on,
        other.who,
        other.effect,
        other.conditions,
    )
    return same and (one.actions == other.actions or one.resources == other.resources)
