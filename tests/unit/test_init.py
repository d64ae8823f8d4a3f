"""`bridgectl init`: a stage is added or changed, and every other byte of the file stays."""

from __future__ import annotations

import io
from difflib import ndiff
from typing import TYPE_CHECKING

import pytest

from stacks.settings import Stage, read_settings
from tools.cli.commands import main

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# ours
[stages.dev]  # at home

# Production:
#   look twice
[stages.prod]
log_retention = 90 # three months
region = 'eu-west-1' # near
allowed_source_ranges = [
  "203.0.113.0/24", # the office
]

# Webhooks begin here.
[[targets]]
name = "crm"
url    =    "https://crm.example.com"

[stages.last]
# nothing yet

[stages.far]
adopt = '''
[stages.prod]
'''
token_issuers = [
  # [stages.none]
  "a",
]

[ stages . 'odd-1' ]
"""
NETWORK = ("--subnets", "subnet-01234567, subnet-12345678", "--security-groups", "sg-01234567")


class Terminal:
    """A person who types these lines, and Ctrl-C after them."""

    def __init__(self, typed: str) -> None:
        self._lines = typed.splitlines(keepends=True)

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        if not self._lines:
            raise KeyboardInterrupt
        return self._lines.pop(0)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "bridge.toml").write_text(TEXT)
    return tmp_path / "bridge.toml"


def init(file: Path, *arguments: str) -> None:
    main(["init", *arguments, "--config", str(file)])


def stage(file: Path, name: str) -> Stage:
    return read_settings({"config": file, "stage": name}).stage


def changes(file: Path) -> list[str]:
    return [line for line in ndiff(TEXT.splitlines(), file.read_text().splitlines()) if line[0] in "+-"]


def should_add_a_stage_at_the_end(file: Path) -> None:
    init(file, "test", "--region", "eu-central-1", "--account", "123456789012", *NETWORK)

    assert file.read_text().startswith(f"{TEXT}\n[stages.test]\n")
    assert stage(file, "test") == Stage(
        region="eu-central-1",
        account="123456789012",
        subnets=("subnet-01234567", "subnet-12345678"),
        security_groups=("sg-01234567",),
    )


def should_change_a_stage_where_it_stands(file: Path) -> None:
    init(file, "prod", "--region", "eu-central-1", "--alarm-email", "ops@example.com")

    assert changes(file) == [
        "- region = 'eu-west-1' # near",
        '+ region = "eu-central-1" # near',
        '+ alarm_email = "ops@example.com"',
    ]
    assert file.read_text().index("alarm_email") < file.read_text().index("# Webhooks begin here.")


@pytest.mark.parametrize("name", ["dev", "last", "odd-1"])
def should_fill_a_section_that_is_empty(file: Path, name: str) -> None:
    init(file, name, "--region", "eu-central-1")

    assert changes(file) == ['+ region = "eu-central-1"']
    assert stage(file, name).region == "eu-central-1"


def should_find_the_end_of_a_section_behind_what_looks_like_one(file: Path) -> None:
    init(file, "far", "--region", "eu-central-1")

    assert changes(file) == ['+ region = "eu-central-1"']
    assert stage(file, "far").region == "eu-central-1"


def should_take_no_text_for_a_section(file: Path) -> None:
    text = "[stages.dev]\nadopt = '''\n[stages.prod]\n'''\n[stages]\nprod.log_retention = 30\n"
    file.write_text(text)

    with pytest.raises(SystemExit, match=r"write stage prod as a section \[stages.prod\] first"):
        init(file, "prod", "--region", "eu-central-1")

    assert file.read_text() == text


def should_write_nothing_that_is_there_already(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(file, "prod", "--region", "eu-west-1")
    init(file, "last")

    assert file.read_text() == TEXT
    assert "prod as it was" in capsys.readouterr().out


def should_say_the_next_commands(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(file, "test", "--region", "eu-central-1")

    said = capsys.readouterr().out
    assert "npx cdk bootstrap -c stage=test" in said
    assert "npx cdk deploy -c stage=test external-compute-test-secrets" in said
    assert "make deploy STAGE=test" in said


def should_ask_for_what_is_not_given_until_it_is_allowed(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "Frankfurt\neu-central-1\n\nsubnet-01234567\nsg-01234567\n"
    monkeypatch.setattr("sys.stdin", Terminal(typed))

    init(file, "test", "--alarm-email", "ops@example.com")

    assert 'region = "Frankfurt" is wrong; allowed: an AWS region' in capsys.readouterr().out
    assert stage(file, "test") == Stage(
        region="eu-central-1",
        alarm_email="ops@example.com",
        subnets=("subnet-01234567",),
        security_groups=("sg-01234567",),
    )


def should_ask_nothing_about_a_network_that_is_left_out(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n\n\n\n"))

    init(file, "test")

    assert stage(file, "test") == Stage()


def should_keep_what_enter_is_pressed_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n\n\n\n"))

    init(file, "prod")

    assert file.read_text() == TEXT


def should_change_nothing_when_it_is_interrupted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("eu-central-1\n"))

    with pytest.raises(SystemExit, match="interrupted; nothing was changed"):
        init(file, "prod")

    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Test"], 'stage "Test": its name is wrong'),
        (["a.b"], r'stage "a\.b": its name is wrong'),
        (["prod", "--region", "Frankfurt"], 'region = "Frankfurt" is wrong; allowed: an AWS region'),
        (["test", "--account", "12"], 'account = "12" is wrong'),
        (["test", *NETWORK[:2]], "subnets is given without security_groups"),
    ],
)
def should_refuse_what_settings_would_refuse(file: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        init(file, *arguments)

    assert file.read_text() == TEXT


def should_leave_a_stage_alone_that_is_written_in_one_line(file: Path) -> None:
    text = 'stages = { prod = { region = "eu-west-1" } }\n'
    file.write_text(text)

    with pytest.raises(SystemExit, match=r"write stage prod as a section \[stages.prod\] first"):
        init(file, "prod", "--region", "eu-central-1")

    assert file.read_text() == text


def should_say_why_a_file_can_not_be_changed(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="can't be changed: Is a directory"):
        init(tmp_path, "prod")
