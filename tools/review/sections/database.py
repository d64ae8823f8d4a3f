"""The plan for the database."""

from collections.abc import Sequence

from tools.review.page import AnyBlock, Block, Code, Details, Inline, Listing, Paragraph, Section, Table
from tools.review.review import Review
from tools.review.sections.words import badge, counted, marked
from tools.review.triggers import Action, Step

_SETTINGS = {"columns": "columns", "when": "condition", "ordered": "order"}
_PARTITIONS = (
    "Partitions are known to the database alone: each trigger is made, dropped and locked on every partition "
    "of its table too. The same holds for triggers that were disabled by hand, which are enabled, and for "
    "tables of another owner, where a trigger goes with its function instead. What is said here is by the "
    "declarations, not by a look at the database."
)
_LOCKS = (
    "A lock is held until the deployment's transaction ends; SHARE ROW EXCLUSIVE keeps writers out, ACCESS "
    "EXCLUSIVE readers too. Where a busy table doesn't give it within the lock timeout, the deployment gives "
    "up, changes nothing, and tries again. A function that is written anew locks no table."
)


def database(review: Review) -> Section:
    """Return the section."""
    steps = review.steps
    doing = [step for step in steps if step.action is not Action.KEPT]
    kept = [step for step in steps if step.action is Action.KEPT]
    blocks: list[AnyBlock] = [Paragraph([_tally(steps)])]
    if doing:
        blocks += [_table(doing), Block("\n".join(map(_sql, doing)), "sql"), Paragraph([_LOCKS])]
    if kept:
        title = f"{counted(len(kept), 'trigger').capitalize()} that stay{'s' if len(kept) == 1 else ''}"
        blocks.append(Details(title, [_table(kept), Block("\n".join(map(_sql, kept)), "sql")]))
    blocks += [_files(review), *_settings(review), Paragraph([_PARTITIONS])]
    return Section("SQL plan", blocks)


def _tally(steps: Sequence[Step]) -> str:
    numbers = {action: sum(step.action is action for step in steps) for action in Action}
    changed = numbers[Action.CHANGED]
    return (
        f"Triggers: {numbers[Action.CREATED]} created, {numbers[Action.DROPPED]} dropped, "
        f"{changed} whose function is written anew, {numbers[Action.KEPT]} kept."
    )


def _table(steps: list[Step]) -> Table:
    return marked(
        ["trigger", "table", "lock", "columns", "condition", "targets"],
        [_row(step) for step in steps],
    )


def _row(step: Step) -> list[list[Inline]]:
    webhook = step.trigger.webhook
    columns: list[Inline] = [Code(each) for each in webhook.get("columns") or []]
    condition: list[Inline] = [Code(webhook["when"])] if webhook.get("when") else ["always"]
    if webhook.get("enabled") is False:
        condition.append("not enabled: captures nothing")
    word = badge(step.action) if step.action is not Action.KEPT else badge("")
    return [
        [word, *(f"its {_SETTINGS[each]}" for each in step.changed)],
        [Code(step.trigger.name)],
        [Code(step.trigger.table)],
        [step.action.lock],
        columns or ["all"],
        condition,
        [Code(each) for each in step.trigger.targets],
    ]


def _sql(step: Step) -> str:
    comment = "-- stays; its function is written anew\n" if step.action is Action.CHANGED else ""
    return f"{comment}{step.statement};"


def _files(review: Review) -> AnyBlock:
    before, after = review.base.sql, review.head.sql or {}
    old, new = review.declarations
    if before is None and not old.sql_hash:
        return Paragraph(["sql/ is applied for the first time."])
    if before is None:
        same = old.sql_hash == new.sql_hash
        said = "sql/ is what is deployed." if same else f"sql/ differs from what is deployed: {_ANEW}"
        return Paragraph([said])
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if not names:
        return Paragraph(["sql/ is unchanged."])
    words: list[Inline] = [f"sql/ differs: {_ANEW} Files: "]
    for number, name in enumerate(names):
        word = "new" if name not in before else "removed" if name not in after else ""
        words += [", " if number else "", Code(name), f" ({word})" if word else ""]
    return Paragraph([*words, "."])


_ANEW = (
    "the deployment applies all of it again, and writes anew each trigger function that comes out different. "
    "A trigger itself stays."
)


def _settings(review: Review) -> list[AnyBlock]:
    if not review.settings:
        return []
    points: list[list[Inline]] = []
    for each in review.settings:
        before: Inline = Code(each.before) if each.before else "not set"
        after: Inline = Code(each.after) if each.after else "not set"
        points.append([Code(each.name), ": ", before, " → ", after])
    return [Paragraph(["What else of the declaration differs:"]), Listing(points)]
