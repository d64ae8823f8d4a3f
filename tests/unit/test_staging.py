"""What Lambda gets is one archive, the same for the same files, and named by what is in it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from stacks.code.staging import staged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "orders", **{"handler.py": "code", "inner/data.json": "{}"})


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    return write(tmp_path / "kept" / "0123abcd", **{"library/__init__.py": "library" * 1_000})


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def content(folder: Path, libraries: Path | None = None, within: str = "") -> tuple[str | None, bytes]:
    with staged({folder.name: folder}, libraries=libraries, within=within) as made:
        return made.key, made.path.read_bytes()


def names(archive: bytes, tmp_path: Path) -> set[str]:
    (tmp_path / "archive.zip").write_bytes(archive)
    with ZipFile(tmp_path / "archive.zip") as zipped:
        assert zipped.testzip() is None
        return set(zipped.namelist())


def should_be_the_same_whenever_the_files_were_written(folder: Path, libraries: Path) -> None:
    first = content(folder, libraries)
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (libraries.parent / "0123abcd-code.zip").unlink()

    assert content(folder, libraries) == first


def should_be_another_with_other_content(folder: Path, libraries: Path, tmp_path: Path) -> None:
    changed = write(tmp_path / "again" / "orders", **{"handler.py": "c0de", "inner/data.json": "{}"})
    moved = write(tmp_path / "moved" / "orders", **{"handler.py": "code", "outer/data.json": "{}"})
    others = write(tmp_path / "kept" / "4567ef00", **{"library/__init__.py": "library" * 1_000})

    keys = [content(each, libraries)[0] for each in (folder, changed, moved)]
    keys += [content(folder)[0], content(folder, others)[0], content(folder, libraries, "python/")[0]]

    assert len(set(keys)) == 6


def should_put_a_layer_where_python_looks(folder: Path, libraries: Path, tmp_path: Path) -> None:
    _, archive = content(folder, libraries, "python/")

    assert names(archive, tmp_path) == {
        "python/library/__init__.py",
        "python/orders/handler.py",
        "python/orders/inner/data.json",
    }


def should_leave_out_what_is_made_or_hidden(folder: Path, tmp_path: Path) -> None:
    before = content(folder)
    write(
        folder, **{"__pycache__/handler.pyc": "x", "inner/old.pyc": "x", ".env": "secret", ".git/config": "x"}
    )

    assert content(folder) == before
    assert names(before[1], tmp_path) == {"orders/handler.py", "orders/inner/data.json"}


def should_leave_tests_out_and_ship_libraries_whole(folder: Path, libraries: Path, tmp_path: Path) -> None:
    tests = ["test_handler.py", "inner/orders_test.py", "conftest.py", "tests/data.json", "index.test.mjs"]
    before = content(folder)
    write(folder, **dict.fromkeys(tests, "test"))
    write(libraries, **{"library/test_support.py": "code", "library/conftest.py": "code"})

    assert content(folder) == before
    assert names(content(folder, libraries)[1], tmp_path) == {
        *("orders/handler.py", "orders/inner/data.json"),
        *("library/__init__.py", "library/test_support.py", "library/conftest.py"),
    }


def should_be_readable_by_the_user_whom_lambda_runs_it_as(folder: Path, libraries: Path) -> None:
    (folder / "handler.py").chmod(0o600)

    with staged({"orders": folder}, libraries=libraries) as made, ZipFile(made.path) as zipped:
        assert {info.external_attr >> 16 & 0o777 for info in zipped.infolist()} == {0o644}


def should_compress_libraries_once(folder: Path, libraries: Path) -> None:
    content(folder, libraries)
    kept = libraries.parent / "0123abcd-code.zip"
    written = kept.stat().st_mtime_ns

    content(folder, libraries)

    assert kept.stat().st_mtime_ns == written
    assert {path.name for path in libraries.parent.iterdir()} == {"0123abcd", "0123abcd-code.zip"}


def should_let_several_syntheses_compress_at_once(folder: Path, libraries: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: content(folder, libraries), range(8)))

    assert len(set(found)) == 1
    assert {path.name for path in libraries.parent.iterdir()} == {"0123abcd", "0123abcd-code.zip"}


def should_leave_nothing_behind(folder: Path) -> None:
    with staged({"orders": folder}) as made:
        assert made.path.is_file()

    assert not made.path.parent.exists()
