"""The plan for the database: which triggers are created, dropped, written anew and kept, and what that locks.

The statements are those of sql/14_sync.sql, `bridge.drop_triggers` and `bridge.create_triggers`; a test on a
real Postgres holds the two together. Triggers on partitions are known to the database alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stacks.settings.sql_names import parse_table
from tools.review.declaration import Declaration
from tools.review.sql_names import quoted

_REFERENCING = {
    "insert": "new table as new_rows",
    "delete": "old table as old_rows",
    "update": "old table as old_rows new table as new_rows",
}
# What of a webhook its trigger functions are written from; the rest is data in bridge.webhook.
_WRITTEN_FROM = ("columns", "when", "ordered")


class Action(StrEnum):
    """What becomes of a trigger."""

    CREATED = "created"
    DROPPED = "dropped"
    CHANGED = "changed"
    KEPT = "kept"

    @property
    def lock(self) -> str:
        """What it locks on the table, until the deployment's transaction ends."""
        return {Action.CREATED: "SHARE ROW EXCLUSIVE", Action.DROPPED: "ACCESS EXCLUSIVE"}.get(self, "none")


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A trigger of one webhook and one operation.

    Attributes:
        webhook: as declared.
        operation: insert, update or delete.
        relation: schema and table.
    """

    webhook: Mapping[str, Any]
    operation: str
    relation: tuple[str, str]

    @property
    def name(self) -> str:
        """The trigger's name."""
        return f"bridge_{self.webhook['name']}_{self.operation}"

    @property
    def table(self) -> str:
        """The table, as Postgres writes it."""
        return ".".join(map(quoted, self.relation))

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others in the database."""
        return (*self.relation, self.name)

    @property
    def targets(self) -> list[str]:
        """Where its messages go."""
        return list(self.webhook.get("targets") or [self.webhook["target"]])

    @property
    def create(self) -> str:
        """The statement that makes it."""
        function = quoted(f"capture_{self.webhook['name']}_{self.operation}")
        return (
            f"create trigger {quoted(self.name)} after {self.operation} on {self.table}"
            f" referencing {_REFERENCING[self.operation]}"
            f" for each statement execute function bridge.{function}()"
        )

    @property
    def drop(self) -> str:
        """The statement that removes it, where the table is the deploying role's own."""
        return f"drop trigger {quoted(self.name)} on {self.table}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One trigger and what becomes of it; `changed` are settings for which its function is written anew."""

    action: Action
    trigger: Trigger
    changed: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        """What is executed; of one that stays, what made it."""
        return self.trigger.drop if self.action is Action.DROPPED else self.trigger.create


def triggers(declaration: Declaration) -> list[Trigger]:
    """Return those that a declaration asks for, but for partitions."""
    return [
        Trigger(webhook=webhook, operation=operation, relation=parse_table(webhook["table"]))
        for webhook in declaration.webhooks
        for operation in webhook["operations"]
    ]


def plan(base: Declaration, head: Declaration) -> list[Step]:
    """Return what becomes of the triggers of both: what is dropped first, as in the database."""
    before = {each.key: each for each in triggers(base)}
    after = {each.key: each for each in triggers(head)}
    dropped = [
        Step(action=Action.DROPPED, trigger=before[key]) for key in sorted(before.keys() - after.keys())
    ]
    return dropped + [_step(before.get(key), after[key]) for key in sorted(after)]


def _step(before: Trigger | None, after: Trigger) -> Step:
    if before is None:
        return Step(action=Action.CREATED, trigger=after)
    changed = tuple(
        name
        for name in _WRITTEN_FROM
        if (before.webhook.get(name) or None) != (after.webhook.get(name) or None)
    )
    return Step(action=Action.CHANGED if changed else Action.KEPT, trigger=after, changed=changed)
