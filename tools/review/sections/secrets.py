"""Every entry of Secrets Manager."""

from collections.abc import Sequence

from tools.review.page import AnyBlock, Cell, Code, Paragraph, Section
from tools.review.review import Review
from tools.review.secrets import Entry
from tools.review.sections.words import badge, marked

_HOW = (
    "Who reads and writes is told by the IAM statements; denials and conditions are not weighed, so that "
    "more may be named here than get in. Templates hold no value of an entry."
)


def secrets(review: Review) -> Section:
    """Return the section."""
    before, after = ({entry.name: entry for entry in found} for found in review.entries)
    rows = [_row(before.get(name), entry, entry) for name, entry in after.items()]
    rows += [_row(entry, None, entry) for name, entry in before.items() if name not in after]
    blocks: list[AnyBlock] = [marked(["entry", "filled", "readers", "writers"], rows)] if rows else []
    return Section("Secrets", [*blocks, Paragraph([_HOW])])


def _row(before: Entry | None, after: Entry | None, shown: Entry) -> list[Cell]:
    changed = before and after and (before.readers, before.writers) != (after.readers, after.writers)
    word = "new" if before is None else "removed" if after is None else "changed" if changed else ""
    was = before if after else None
    return [
        [badge(word)],
        [Code(shown.name), shown.about],
        [shown.filled],
        _who(was.readers if was else None, shown.readers),
        _who(was.writers if was else None, shown.writers),
    ]


def _who(before: Sequence[str] | None, after: Sequence[str]) -> Cell:
    if before is None:
        return [Code(each) for each in after]
    gone = [Code(each, "removed") for each in before if each not in after]
    return [Code(each, "" if each in before else "new") for each in after] + gone
