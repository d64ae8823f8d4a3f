"""What a bundle is made of, where it is taken from, and what is said when it is missing or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.node_bundle.project import content, lock, problem, write_worker

if TYPE_CHECKING:
    from pathlib import Path


def should_name_a_library_that_is_not_installed(root: Path) -> None:
    said = problem(write_worker(root, answer="1.0.0", question="1.0.0"), root)

    assert said.startswith(
        'worker "deep_thought": it needs question, which is not installed there; run "npm install"'
    )
    assert "commit its package-lock.json" in said


def should_name_esbuild_when_nothing_is_installed(tmp_path: Path) -> None:
    assert 'esbuild is not installed; run "make packages"' in problem(write_worker(tmp_path), tmp_path)


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


def should_give_each_worker_the_shared_library_wherever_it_is(root: Path, tmp_path: Path) -> None:
    shared = root / "node_modules" / "bridge"
    shared.mkdir()
    (shared / "index.js").write_text("exports.answer = () => 42")
    (shared / "package.json").write_text('{"version": "1.0.0"}')
    lock(root, "node_modules/bridge", {"version": "1.0.0"})
    elsewhere = tmp_path.with_name(f"{tmp_path.name}-elsewhere") / "workers" / "ask"
    elsewhere.mkdir(parents=True)
    (elsewhere / "index.mjs").write_text("import { answer } from 'bridge'\nexport const handler = answer\n")

    assert b"() => 42" in content(elsewhere, root)["index.mjs"]


def should_refuse_the_shared_library_s_name_among_those_of_npm(root: Path) -> None:
    said = problem(write_worker(root, answer="1.0.0", bridge="0.2.0"), root)

    assert 'its package.json depends on "bridge", which each worker has without it' in said


def should_name_data_that_is_not_there(root: Path) -> None:
    assert 'names "answer/none.ttf" as data, which is not in node_modules' in problem(
        write_worker(root, data=["answer/none.ttf"]), root
    )


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("{", "its package.json is not JSON: "),
        ("[]", "its package.json is not a JSON object"),
    ],
)
def should_say_what_is_wrong_with_a_package_json(root: Path, package: str, said: str) -> None:
    folder = write_worker(root)
    (folder / "package.json").write_text(package)

    assert said in problem(folder, root)
