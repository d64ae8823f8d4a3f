"""The command's options."""

from __future__ import annotations

import pytest

from tools.review.__main__ import main


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
