"""The version is stated once."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

from bridge.version import VERSION

ROOT = Path(__file__).parents[2]
HOME = "lambda_src/layer/bridge/version.py"
# What is the user's; locks say others' versions, history all of ours, and tests whatever they need.
NOT_LOOKED_AT = re.compile(
    r"bridge\.toml|lambda_src/(workers|functions)/.*|(.*/)?(package-lock\.json|requirements.*|CHANGELOG\.md)"
    r"|sql/migrations/.*|(.*/)?tests/.*"
)
STATED = re.compile(
    rf"(?i)(version|bridge|supabase-external-compute).*(?<![\d.]){re.escape(VERSION)}(?![\d.])"
)


def files() -> list[str]:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        name for name in tracked.splitlines() if (ROOT / name).is_file() and not NOT_LOOKED_AT.fullmatch(name)
    ]


def should_be_three_numbers() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def should_be_in_no_manifest() -> None:
    packages = [json.loads((ROOT / name).read_text()) for name in files() if name.endswith("package.json")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert [package["name"] for package in packages if "version" in package] == []
    assert "version" not in project


def should_be_in_no_other_file() -> None:
    texts = {name: (ROOT / name).read_text("utf-8", errors="replace") for name in files()}

    assert [name for name, text in texts.items() if STATED.search(text)] == [HOME]
