"""What a reviewer asks first, in sentences."""

from collections.abc import Iterator, Sequence

from tools.review.changes import Kind
from tools.review.page import Code, Inline, Listing, Paragraph, Section
from tools.review.prices import dollars
from tools.review.review import Review
from tools.review.sections.resources import GOING, HOLDING, tally
from tools.review.sections.words import counted
from tools.review.triggers import Action

# So many are named in a sentence; the section has them all.
_NAMED = 4
Sentence = list[Inline]


def summary(review: Review) -> Section:
    """Return the section."""
    about: list[Inline] = [
        *("Stage ", Code(review.head.stage), ": ", review.head_title, ", compared with "),
        *(review.base_title, "."),
    ]
    return Section("Summary", [Paragraph(about), Listing(sentences(review))])


def sentences(review: Review) -> list[Sentence]:
    """Return the answers, in the order of the questions."""
    return [
        *_resources(review),
        *_entrances(review),
        *_permissions(review),
        *_secrets(review),
        *_triggers(review),
        *_findings(review),
        _price(review),
    ]


def text(sentence: Sentence) -> str:
    """Return a sentence for a terminal."""
    return "".join(each if isinstance(each, str) else getattr(each, "text", "") for each in sentence)


def _resources(review: Review) -> Iterator[Sentence]:
    found = list(review.changes)
    numbers = tally(found)
    stay = "" if any(each.kind in GOING for each in found) else " None is removed or replaced."
    yield [f"Resources: {numbers}.{stay}" if found else "No resource changes."]
    going = [each for each in found if each.kind in GOING and each.type in HOLDING]
    lost = [each for each in going if not each.kept.startswith("Retain")]
    if lost:
        holding = counted(len(lost), "resource goes with its data", "resources go with their data")
        yield [f"{holding}: ", *_named([each.place for each in lost]), "."]
    replaced = [each for each in found if each.kind in {Kind.REPLACED, Kind.MAY}]
    if replaced:
        yield ["Replaced, or perhaps: ", *_named([each.place for each in replaced]), "."]


def _entrances(review: Review) -> Iterator[Sentence]:
    before, after = ({each.key: each for each in found} for found in review.entrances)
    new = [each for key, each in after.items() if key not in before]
    gone = [each for key, each in before.items() if key not in after]
    otherwise = [each for key, each in after.items() if key in before and before[key] != each]
    yield _list_or("No new public entrance", "new public entrance", [each.what for each in new])
    opened = [each.what for each in new + otherwise if each.open and not _was_open(before.get(each.key))]
    if opened:
        yield ["Without an authorizer: ", *_named(opened), "."]
    if otherwise:
        yield ["Otherwise guarded or led than before: ", *_named([each.what for each in otherwise]), "."]
    if gone:
        yield ["No entrance any more: ", *_named([each.what for each in gone]), "."]


def _was_open(entrance: object) -> bool:
    return bool(getattr(entrance, "open", False))


def _permissions(review: Review) -> Iterator[Sentence]:
    if not review.more:
        yield ["No new permission."]
        return
    holders = sorted({grant[1] if not grant[0] else f"{grant[1]} on {grant[0]}" for grant in review.more})
    yield [f"{counted(len(review.more), 'new permission')}, of: ", *_named(holders), "."]
    wide = sorted({f"{grant[1]}: {grant[4]} on {grant[5]}" for grant in review.more if _wide(grant)})
    if wide:
        yield ["Among them on any resource, or of any action: ", *_named(wide), "."]


def _wide(grant: tuple[str, ...]) -> bool:
    _, _, effect, _, action, resource = grant
    return effect == "Allow" and (resource == "*" or action.endswith("*"))


def _secrets(review: Review) -> Iterator[Sentence]:
    pairs = [f"{reader} reads {entry}" for entry, reader in review.readers]
    yield _list_or("No new reader of a secret", "new reader of a secret", pairs, "new readers of secrets")
    if review.addresses:
        named = [f"{name} at {url}" for name, url in review.addresses]
        yield [f"Rows can go to {counted(len(named), 'new address', 'new addresses')}: ", *_named(named), "."]


def _triggers(review: Review) -> Iterator[Sentence]:
    by = {action: [step.trigger for step in review.steps if step.action is action] for action in Action}
    dropped = [f"{each.name} on {each.table}" for each in by[Action.DROPPED]]
    yield _list_or("No trigger is dropped", "trigger is dropped", dropped, "triggers are dropped")
    created = [f"{each.name} on {each.table}" for each in by[Action.CREATED]]
    if created:
        yield _list_or("", "trigger is created", created, "triggers are created")
    if changed := [each.name for each in by[Action.CHANGED]]:
        yield _list_or("", "trigger captures otherwise", changed, "triggers capture otherwise")
    old, new = review.declarations
    if old.sql_hash and old.sql_hash != new.sql_hash:
        yield ["sql/ differs: it is applied again, and what differs of trigger functions is written anew."]


def _findings(review: Review) -> Iterator[Sentence]:
    before, after = review.findings
    if review.base.annotated:
        new = [f"{each.rule} at {each.place}" for each in after if each not in before]
        yield _list_or("No newly acknowledged finding", "newly acknowledged finding", new)
    if review.warnings:
        yield [f"Synthesising gives {counted(len(review.warnings), 'warning')}."]


def _price(review: Review) -> Sentence:
    found = review.price
    more = found.more
    differs = dollars(abs(more)) not in {"–", "0.00", "<0.01"}
    than = f", {dollars(abs(more))} {'more' if more > 0 else 'less'} than the base" if differs else ""
    return [f"{dollars(found.together)} US dollars a month at {found.events:,} events{than}."]


def _list_or(none: str, one: str, names: Sequence[str], many: str | None = None) -> Sentence:
    if not names:
        return [f"{none}."]
    return [f"{counted(len(names), one, many)}: ", *_named(names), "."]


def _named(names: Sequence[str]) -> Iterator[Inline]:
    for number, name in enumerate(names[:_NAMED]):
        if number:
            yield ", "
        yield Code(name)
    if len(names) > _NAMED:
        yield f" and {len(names) - _NAMED} more"
