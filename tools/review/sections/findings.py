"""Findings that are acknowledged, and warnings."""

from collections.abc import Sequence

from tools.review.findings import Finding
from tools.review.page import AnyBlock, Cell, Code, Details, Listing, Paragraph, Section, Table
from tools.review.review import Review
from tools.review.sections.words import badge, counted, marked

_HOW = (
    "cdk-nag fails a synthesis with any finding that is not acknowledged, on the construct or one around it."
)


def findings(review: Review) -> Section:
    """Return the section."""
    before, after = review.findings
    comparable = review.base.annotated
    new = [each for each in after if comparable and each not in before]
    gone = [each for each in before if comparable and each not in after]
    blocks: list[AnyBlock] = [Paragraph([_HOW])]
    if not comparable:
        blocks.append(
            Paragraph(["What is deployed doesn't say what was acknowledged: none is marked as new."])
        )
    if new or gone:
        marks = {**dict.fromkeys(gone, "removed"), **dict.fromkeys(new, "new")}
        blocks.append(_table([*new, *gone], marks))
    blocks.append(
        Details(f"All, {counted(len(after), 'acknowledgement')}", [_table(after, dict.fromkeys(new, "new"))])
    )
    if review.warnings:
        blocks.append(Paragraph(["Synthesising warns:"]))
        blocks.append(Listing([[Code(place), f": {said}"] for place, said in review.warnings]))
    return Section("Acknowledged findings", blocks)


def _table(found: Sequence[Finding], marks: dict[Finding, str]) -> Table:
    """One row for each rule and reason, with the places where it holds."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for each in found:
        grouped.setdefault((each.rule, each.reason, marks.get(each, "")), []).append(each.place)
    rows: list[list[Cell]] = [
        [[badge(mark)], [Code(rule)], [reason], [Code(place) for place in places]]
        for (rule, reason, mark), places in grouped.items()
    ]
    return marked(["rule", "why it is accepted", "where"], rows)
