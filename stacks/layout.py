"""Placement of functions: in the bridge stack, or in nested ones where one stack has no room for all.

CloudFormation allows 500 resources a stack. What has a name that can't be there twice at a time (queues,
routes) and what holds something (state machines) stays in the bridge stack whatever happens; functions may be
made anew elsewhere. A nested stack is part of its parent's update, and is rolled back with it.
"""

import hashlib

from aws_cdk import NestedStack, Stack
from constructs import Construct

from stacks.names import camel_case
from stacks.settings import Settings, WorkerKind

# Of 500: below that, all is in one stack.
ROOM = 400
# Never to be changed: a function would leave one stack when another already has its name.
_NESTED = 4
# At most, so many resources: those of the bridge itself; of a worker, and of its long work; of a function but
# for its routes; of a target, and of one on a platform.
_OWN, _WORKER, _LONG_WORK, _FUNCTION, _TARGET, _PLATFORM = 60, 11, 11, 8, 1, 1


class Layout:
    """Finds the scope for a function.

    Attributes:
        nested: the nested stacks; none where one stack has room for all.
    """

    def __init__(self, stack: Stack, settings: Settings) -> None:
        """Prepare what the settings need."""
        self.nested: list[NestedStack] = (
            [NestedStack(stack, f"Functions{number}") for number in range(_NESTED)]
            if is_crowded(settings)
            else []
        )

    @property
    def crowded(self) -> bool:
        """True if functions are in nested stacks."""
        return bool(self.nested)

    def home(self, scope: Construct, kind: str, name: str) -> Construct:
        """Return where a function is made.

        Args:
            scope: where it is in an ordinary stack.
            kind: "Worker" or "Function".
            name: its folder's. It alone decides on the nested stack, so that no other one moves it.
        """
        if not self.nested:
            return scope
        number = hashlib.sha256(name.encode()).digest()[0] % len(self.nested)
        return Construct(self.nested[number], f"{kind}{camel_case(name)}")


def is_crowded(settings: Settings) -> bool:
    """Tell whether one stack would come close to CloudFormation's limit."""
    kinds = [WorkerKind.of(settings.code / "workers" / name) for name in settings.workers]
    routes = sum(len(function.routes) for function in settings.functions.values())
    platforms = sum(1 for target in settings.targets if target.platform)
    resources = (
        _OWN
        + _WORKER * len(kinds)
        + _LONG_WORK * kinds.count(WorkerKind.STATE_MACHINE)
        + _FUNCTION * len(settings.functions)
        + routes
        + _TARGET * len(settings.targets)
        + _PLATFORM * platforms
    )
    return resources > ROOM
