"""What a wrong bridge.toml is answered with as a whole: its sections, all its mistakes, no TOML at all."""

from pathlib import Path

import pytest

from stacks.errors import SettingsError
from stacks.settings import read_settings
from tests.unit.settings_errors.mistakes import mistakes, webhook


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[webhook]\n[stages.prod]",
            '"webhook" is no section; did you mean "webhooks"? known: functions, stages, targets, webhooks',
        ),
        ("[webhooks]\n[stages.prod]", "begin each one with [[webhooks]]"),
        ("", "there is no stage; add a section [stages.NAME]"),
        ("[stages.dev]\n[stages.prod]", "choose one with -c stage=NAME; known: dev, prod"),
        ("[stages.Prod]", 'stage "Prod": its name is wrong'),
        ("[stages.prod-diff]", 'stage "prod-diff": its name is wrong: GitHub\'s environment'),
    ],
)
def should_explain_a_wrong_section(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in mistakes(tmp_path, text))


def should_name_every_mistake_at_once(tmp_path: Path) -> None:
    text = webhook(name='"Order"', target='"nobody"') + "retention = 0\n[workers.handle_order]\nmemory = 1"
    assert len(mistakes(tmp_path, text)) == 4


def should_say_where_toml_ends_to_be_toml(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text("[stages.prod\n", "utf-8")
    with pytest.raises(SettingsError, match=r"bridge.toml is no TOML: .*line 1"):
        read_settings({"config": str(file)})


def should_name_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text("[stages.prod]\n", "utf-8-sig")
    with pytest.raises(SettingsError, match=r"begins with a byte order mark .* save it as UTF-8 without"):
        read_settings({"config": str(file)})


def should_say_how_to_name_another_file() -> None:
    with pytest.raises(
        SettingsError, match=r"nowhere.toml doesn't exist; name another file \(cdk -c config=FILE"
    ):
        read_settings({"config": "nowhere.toml"})
