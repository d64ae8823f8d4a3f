"""What happens to resources, by stack."""

from collections.abc import Iterator

from tools.review.changes import Change, Kind
from tools.review.page import AnyBlock, Cell, Code, Details, Paragraph, Section, Table
from tools.review.review import Review
from tools.review.sections.words import badge, counted, marked

# What keeps something that no deployment can make again.
HOLDING = (
    *("AWS::SQS::Queue", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup", "AWS::KMS::Key"),
    *("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::RDS::DBInstance", "AWS::StepFunctions::StateMachine"),
)
GOING = (Kind.REMOVED, Kind.REPLACED, Kind.MAY)
# Where there is more, what neither goes nor is replaced is folded away: the page reads from top to bottom.
_SHOWN = 25
_ROUTINE = (Kind.CODE, Kind.PUBLISHED)


def resources(review: Review) -> Section:
    """Return the section."""
    blocks: list[AnyBlock] = []
    for stack in [*dict.fromkeys(change.stack for change in review.changes)]:
        blocks += _stack(stack, [change for change in review.changes if change.stack == stack])
    unchanged = sorted({review.head.short(each.name) for each in review.head.stacks} - _stacks(review))
    if unchanged:
        blocks.append(Paragraph([f"Nothing changes in: {', '.join(unchanged)}."]))
    if review.changes:
        blocks.append(Paragraph([_HOW]))
    return Section("Resources", blocks)


_HOW = (
    "What can't change in place is replaced: CloudFormation makes another and removes the first. That is "
    "told by the schemas of resource types that cfn-lint brings along; what refers to a resource that is "
    "replaced follows it. DependsOn and Metadata change nothing by themselves and are not compared."
)


def _stacks(review: Review) -> set[str]:
    return {change.stack for change in review.changes}


def _stack(stack: str, changes: list[Change]) -> Iterator[AnyBlock]:
    yield Paragraph(["Stack ", Code(stack), f": {tally(changes)}."])
    main = [change for change in changes if change.kind not in _ROUTINE]
    routine = [change for change in changes if change.kind in _ROUTINE]
    folded: list[Change] = []
    if len(main) > _SHOWN:
        folded = [change for change in main if change.kind not in GOING]
        main = [change for change in main if change.kind in GOING]
    if main:
        yield _table(main)
    if folded:
        yield Details(f"{len(folded)} resources that are added or changed in place", [_table(folded)])
    if routine:
        yield Details(
            f"{counted(len(routine), 'resource').capitalize()} only because code or versions changed",
            [_table(routine)],
        )


def tally(changes: list[Change]) -> str:
    """Return how many of each kind, such as "2 added, 1 removed"."""
    numbers = {kind: sum(change.kind is kind for change in changes) for kind in Kind}
    return ", ".join(f"{number} {_PLURAL.get(kind, kind)}" for kind, number in numbers.items() if number)


_PLURAL = {Kind.CODE: "changed in code only", Kind.PUBLISHED: "published as a new version"}


def _table(changes: list[Change]) -> Table:
    return marked(
        ["resource", "type", "what changes"],
        [
            [[badge(change.kind)], [Code(change.place)], [Code(change.type)], _what(change)]
            for change in changes
        ],
    )


def _what(change: Change) -> Cell:
    lines: list[str | Code] = [Code(line) for line in change.properties]
    if change.kind in GOING and change.kept.startswith("Retain"):
        lines.append("what was there stays in the account")
    elif change.kind in GOING and change.type in HOLDING:
        lines.append("with what is in it")
    return lines
