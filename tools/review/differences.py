"""Where two values of a template differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.review.names import intrinsic

ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One place.

    Attributes:
        path: keys and numbers that lead to it.
        before: ABSENT where there was nothing.
        after: ABSENT where there is nothing any more.
    """

    path: tuple[str, ...]
    before: Any
    after: Any


def differences(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Yield each place, the deepest that says it all: lists of another length differ as a whole."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not _computed(before, after):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, (*path, str(number)))
    else:
        yield Difference(path, before, after)


def _computed(*values: Any) -> bool:
    """Whether one of them is what CloudFormation computes: a function is one value."""
    return any(intrinsic(each)[0] for each in values)
