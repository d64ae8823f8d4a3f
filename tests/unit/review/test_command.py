"""The command's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.review.__main__ import main
from tools.review.assembly import Assembly
from tools.review.errors import ReviewError

if TYPE_CHECKING:
    from pathlib import Path

SHOP = ("--stage", "prod", "--config", "examples/shop/bridge.toml")


@pytest.mark.parametrize("wrong", ["12x", "-1", "1.5", "", "٣", "1" * 16])
def should_refuse_what_is_no_number_of_events(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([f"--events={wrong}"])
    assert exit_.value.code == 2
    assert "is no number of events" in capsys.readouterr().err


def should_refuse_a_path_that_prices_doesnt_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--path", "cheap"])
    assert "busy" in capsys.readouterr().err


def should_name_a_base_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--base", "no-such-branch"]) == 1
    assert 'the base "no-such-branch" is no commit' in capsys.readouterr().out


def should_explain_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    said = capsys.readouterr().out
    for word in ("--stage", "--base", "deployed", "--events", "--path", "origin/main", "build/review.html"):
        assert word in said


def should_take_everything_for_new_where_the_base_cant_be_synthesised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def synthesise(tree: Path, stage: str, *, config: str | None, title: str) -> Assembly:
        del tree, config
        if title != "this tree":
            raise ReviewError(f"{title} can't be synthesised: it wants another esbuild")
        return Assembly(stage=stage, stacks=())

    monkeypatch.setattr("tools.review.__main__.synthesise", synthesise)
    assert main([*SHOP, "--base", "HEAD", "--output", str(tmp_path)]) == 0
    assert "it wants another esbuild" in capsys.readouterr().out
    page = (tmp_path / "review.md").read_text()
    assert "can't be synthesised with the packages that are installed here" in page
