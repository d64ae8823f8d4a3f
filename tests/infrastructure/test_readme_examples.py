"""README's worker and function, copied as they are into a clone, pass the checks of an adopter's own code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
# A block of code that names its file.
BLOCK = re.compile(r"^```(?:toml|python)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "build", "cdk.out", "tests", "__pycache__", ".*_cache"
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree as upstream ships it, with nothing of an adopter's."""
    tree = tmp_path / "clone"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    for name in ("workers", "functions"):
        shutil.rmtree(tree / "lambda_src" / name, ignore_errors=True)
        (tree / "lambda_src" / name).mkdir()
    (tree / "bridge.toml").write_text('[stages.local]\nlayer_platform = "local"\n[stages.prod]\n', "utf-8")
    for name in ("node_modules", "build"):
        (ROOT / name).mkdir(exist_ok=True)
        (tree / name).symlink_to(ROOT / name)
    return tree


def should_pass_the_checks_of_an_adopter(clone: Path) -> None:
    blocks = BLOCK.findall(README)
    assert [name.rpartition("/")[2] for name, _ in blocks] == ["bridge.toml", "handler.py"] * 2
    for name, text in blocks:
        file = clone / name
        file.parent.mkdir(exist_ok=True)
        if file.name == "handler.py":
            (file.parent / "__init__.py").touch()
            file.write_text(text, "utf-8")
        else:
            file.write_text(f"{file.read_text('utf-8')}\n{text}", "utf-8")

    checked = subprocess.run(
        [sys.executable, "-m", "tools.check", "--config", str(clone / "bridge.toml")],
        cwd=clone,
        env=os.environ | {"PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Types (mypy)" in checked.stdout
    assert "Templates and review of stage prod" in checked.stdout
