"""A bundle is made from what is locked, and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.node_bundle.project import ROOT, install, lock, locked_packages, problem, write_worker

if TYPE_CHECKING:
    from pathlib import Path


def should_refuse_another_version_than_the_locked_one(root: Path) -> None:
    install(root, "answer", "exports.answer = 43", version="1.0.1")

    assert problem(write_worker(root), root).endswith(
        'answer is installed as "1.0.1", but its package-lock.json has "1.0.0"; run "npm ci" in its folder'
    )


def should_hold_a_library_that_only_gives_data_to_the_lock(root: Path) -> None:
    install(root, "fonts", "", version="2.0.1", locked="2.0.0")

    assert (
        'fonts is installed as "2.0.1", but its package-lock.json has "2.0.0"; run "npm ci" in its folder'
        in problem(write_worker(root, data=["fonts/index.js"]), root)
    )


def should_refuse_a_library_that_is_not_locked(root: Path) -> None:
    install(root, "answer", "exports.answer = 43", locked=None)

    assert 'answer is installed as "1.0.0", but its package-lock.json has none; run "npm install"' in problem(
        write_worker(root), root
    )


def should_refuse_another_esbuild_than_the_locked_one(root: Path) -> None:
    installed = locked_packages(ROOT)["node_modules/esbuild"]["version"]
    lock(root, "node_modules/esbuild", {"version": "0.1.0"})

    assert problem(write_worker(root), root) == (
        f'worker "deep_thought": esbuild is installed as "{installed}", '
        'but the project\'s package-lock.json has "0.1.0"; run "make packages"'
    )


def should_refuse_a_worker_that_is_not_locked(root: Path) -> None:
    folder = write_worker(root)
    (folder / "package-lock.json").unlink()

    said = problem(folder, root)

    assert said.startswith(
        'worker "deep_thought": it has no package-lock.json; run "npm install" in its folder'
    )


@pytest.mark.parametrize(
    ("locked", "named"),
    [
        ({"answer": "1.0.1"}, "answer"),
        ({"answer": "1.0.0", "question": "1.0.0"}, "question"),
        ({}, "answer"),
        ({"answer": "2.0.0", "question": "1.0.0"}, "answer, question"),
    ],
)
def should_refuse_a_worker_that_declares_other_versions_than_locked(
    root: Path, locked: dict[str, str], named: str
) -> None:
    folder = write_worker(root)
    lock(folder, "", {"dependencies": locked})

    said = problem(folder, root)

    assert f"package.json and package-lock.json differ in the version of {named}; run" in said
