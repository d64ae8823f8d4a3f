"""Entity tags are compared as the standard says."""

from __future__ import annotations

import pytest

from bridge import caching


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
        (" * ", True),
        ('"b"', False),
        ('"aa"', False),
        ("a", False),
        ("", False),
    ],
)
def should_compare_entity_tags_weakly(header: str, expected: bool) -> None:  # noqa: FBT001
    assert caching.has_already(header, '"a"') is expected
