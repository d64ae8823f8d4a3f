"""Everything that the page is about: what base and head hold, read and compared once."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.review.assembly import Assembly
from tools.review.changes import Change, changes
from tools.review.declaration import Declaration, Setting, addresses, read_declaration, settings_changed
from tools.review.entrances import Entrance, entrances
from tools.review.findings import Finding, findings, warnings
from tools.review.grants import Row, compared, more
from tools.review.names import Names
from tools.review.permissions import statements
from tools.review.price import Price, price
from tools.review.secrets import Entry, entries, readers
from tools.review.triggers import Step, plan


@dataclass(frozen=True, kw_only=True)
class Review:
    """What is found.

    Attributes:
        base: what it is compared with.
        head: what is reviewed.
        base_title: what the base is, for people.
        head_title: what the head is.
        changes: of resources.
        rows: all statements of both.
        more: what is allowed now and wasn't.
        entrances: the base's and the head's.
        entries: the base's and the head's.
        readers: pairs of entry and reader that weren't there.
        findings: the base's and the head's.
        warnings: of head's synth: place and sentence.
        declarations: the base's and the head's.
        steps: what becomes of triggers.
        settings: what else of the declaration differs.
        addresses: targets outside AWS that weren't there: name and address.
        price: of a month.
    """

    base: Assembly
    head: Assembly
    base_title: str
    head_title: str
    changes: Sequence[Change]
    rows: Sequence[Row]
    more: Sequence[tuple[str, ...]]
    entrances: tuple[Sequence[Entrance], Sequence[Entrance]]
    entries: tuple[Sequence[Entry], Sequence[Entry]]
    readers: Sequence[tuple[str, str]]
    findings: tuple[Sequence[Finding], Sequence[Finding]]
    warnings: Sequence[tuple[str, str]]
    declarations: tuple[Declaration, Declaration]
    steps: Sequence[Step]
    settings: Sequence[Setting]
    addresses: Sequence[tuple[str, str]]
    price: Price


def review(  # noqa: PLR0913 - all but two by name
    base: Assembly, head: Assembly, *, base_title: str, head_title: str, events: int, path: str
) -> Review:
    """Compare two assemblies of one stage.

    Args:
        base: what it is compared with.
        head: what is reviewed.
        base_title: what the base is, for people.
        head_title: what the head is.
        events: a month, for the price.
        path: of tools/review/prices.toml, how they travel.
    """
    before, after = statements(base), statements(head)
    old_entries, new_entries = entries(base, before), entries(head, after)
    old, new = read_declaration(base), read_declaration(head)
    names = Names(head)
    present = {names.place(stack, logical_id) for stack in head.stacks for logical_id in stack.resources}
    return Review(
        base=base,
        head=head,
        base_title=base_title,
        head_title=head_title,
        changes=changes(base, head),
        rows=compared(before, after),
        more=more(before, after, present=present),
        entrances=(entrances(base, before), entrances(head, after)),
        entries=(old_entries, new_entries),
        readers=sorted(readers(new_entries) - readers(old_entries)),
        findings=(findings(base), findings(head)),
        warnings=warnings(head),
        declarations=(old, new),
        steps=plan(old, new),
        settings=settings_changed(old, new),
        addresses=sorted(addresses(new) - addresses(old)),
        price=price(base, head, events=events, path=path),
    )
