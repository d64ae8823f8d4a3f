"""Trees that are older than a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.review.synthesis import has_stage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("[stages.prod]", True),
        ("[stages.dev]", False),
        ("", False),
        ("stages = 1", False),
        ("[stages", True),
    ],
)
def should_know_whether_a_tree_declares_a_stage(tmp_path: Path, declaration: str, *, expected: bool) -> None:
    (tmp_path / "bridge.toml").write_text(declaration)
    assert has_stage(tmp_path, "prod", config=None) is expected


def should_find_no_stage_in_a_tree_without_a_declaration(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text("[stages.prod]")
    assert not has_stage(tmp_path, "prod", config="other.toml")
