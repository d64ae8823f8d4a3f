"""Every IAM statement."""

from collections.abc import Sequence

from tools.review.grants import REMOVED, SAME, Row
from tools.review.page import AnyBlock, Cell, Code, Details, Paragraph, Section, Table
from tools.review.review import Review
from tools.review.sections.words import badge, counted, marked


def permissions(review: Review) -> Section:
    """Return the section."""
    own = [row for row in review.rows if not row.statement.on]
    of_resources = [row for row in review.rows if row.statement.on]
    blocks: list[AnyBlock] = [Paragraph([_READ])]
    blocks += _of("What functions and roles may do", own, [])
    blocks += _of("What policies of resources let in", of_resources, ["on"])
    return Section("Permissions", blocks)


_READ = (
    "A function stands for the role that it runs with. Each “…” in an ARN is the stage's own partition, "
    "region or account. “all but” is a NotAction, NotResource or NotPrincipal."
)


def _of(title: str, rows: Sequence[Row], more: list[str]) -> list[AnyBlock]:
    differing = [row for row in rows if row.mark != SAME]
    now = [row for row in rows if row.mark != REMOVED]
    blocks: list[AnyBlock] = []
    if differing:
        blocks += [Paragraph([f"{title}: what differs."]), _table(differing, more)]
    said = "" if differing else ", none of which differs"
    blocks.append(Details(f"{title}: all, {counted(len(now), 'statement')}{said}", [_table(rows, more)]))
    return blocks


def _table(rows: Sequence[Row], more: list[str]) -> Table:
    return marked(
        [*more, "who", "effect", "actions", "resources", "conditions"],
        [_row(row, with_resource=bool(more)) for row in rows],
    )


def _row(row: Row, *, with_resource: bool) -> list[Cell]:
    statement, before = row.statement, row.before
    on: list[Cell] = [[Code(statement.on)]] if with_resource else []
    return [
        [badge(row.mark)],
        *on,
        [Code(statement.who)],
        [statement.effect],
        _items(statement.actions, before.actions if before else None),
        _items(statement.resources, before.resources if before else None),
        [Code(statement.conditions)] if statement.conditions else [],
    ]


def _items(now: Sequence[str], before: Sequence[str] | None) -> Cell:
    if before is None:
        return [Code(each) for each in now]
    gone = [Code(each, "removed") for each in before if each not in now]
    return [Code(each, "" if each in before else "new") for each in now] + gone
