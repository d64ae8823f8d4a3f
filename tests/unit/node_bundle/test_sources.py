"""What a bundle is made of, where it is taken from, and what is said when it is missing or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.node_bundle.project import WORKER, content, install, problem, write_worker

if TYPE_CHECKING:
    from pathlib import Path


def should_name_a_library_that_is_not_installed(root: Path) -> None:
    said = problem(write_worker(root, answer="1.0.0", question="1.0.0"), root)

    assert said.startswith(
        'worker "deep_thought": it needs question, which is not installed; run "npm install"'
    )
    assert "commit package-lock.json" in said


def should_name_esbuild_when_nothing_is_installed(tmp_path: Path) -> None:
    assert "it needs esbuild, answer, which is not installed" in problem(write_worker(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("import 'nowhere'\n", 'Could not resolve "nowhere"'),
        ("\nexport const = 1\n", 'Expected identifier but found "="'),
    ],
)
def should_show_what_esbuild_refuses_and_where(root: Path, index: str, said: str) -> None:
    shown = problem(write_worker(root, index=index), root)

    assert said in shown
    assert "lambda_src/workers/deep_thought/index.mjs:" in shown


def should_take_data_from_a_version_of_the_worker_s_own(root: Path) -> None:
    install(root, "node_modules/fonts", "shared")
    own = f"{WORKER}/node_modules/fonts"
    install(root, own, "own", version="2.0.0", locked="2.0.0")

    made = content(write_worker(root, data=["fonts/index.js"], answer="1.0.0", fonts="2.0.0"), root)

    assert made["node_modules/fonts/index.js"] == b"own"


def should_take_data_from_a_package_of_the_project(root: Path) -> None:
    install(root, "lambda_src/bridge", "data", locked=None)
    (root / "node_modules" / "bridge").symlink_to(root / "lambda_src" / "bridge")

    made = content(write_worker(root, data=["bridge/index.js"]), root)

    assert made["node_modules/bridge/index.js"] == b"data"


def should_name_data_that_is_not_there(root: Path) -> None:
    assert 'names "answer/none.ttf" as data, which is not in node_modules' in problem(
        write_worker(root, data=["answer/none.ttf"]), root
    )


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (None, "it has an index.mjs but no package.json, which a worker in Node.js needs"),
        ("{", "its package.json is not JSON: "),
        ("[]", "its package.json is not a JSON object"),
    ],
)
def should_say_what_is_wrong_with_a_package_json(root: Path, package: str | None, said: str) -> None:
    folder = write_worker(root)
    (folder / "package.json").unlink()
    if package is not None:
        (folder / "package.json").write_text(package)

    assert said in problem(folder, root)
