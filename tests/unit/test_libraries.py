"""The shared layer's libraries: the same bytes from the same lock, for the platform that is asked for."""

import hashlib
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

from stacks.code.libraries import install_libraries
from stacks.code.source import Source, Sources
from stacks.errors import BuildError

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "lambda_src" / "layer" / "requirements.txt"
# One pure and small wheel of the lock is enough to show how it is installed.
ONLY = "standardwebhooks=="


def small_lock(tmp_path: Path, *, marker: str = "") -> Path:
    lines = LOCK.read_text("utf-8").split("\n")
    start = next(index for index, line in enumerate(lines) if line.startswith(ONLY))
    end = next(index for index in range(start + 1, len(lines)) if not lines[index].startswith(" "))
    block = lines[start:end]
    block[0] = block[0].replace(" \\", f"{marker} \\")
    lock = tmp_path / "requirements.txt"
    lock.write_text("\n".join(block) + "\n", "utf-8")
    return lock


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(str(path.relative_to(folder)).encode() + b"\0")
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


@pytest.mark.parametrize("for_this_machine", [True, False])
def should_install_the_same_bytes_from_the_same_lock(tmp_path: Path, *, for_this_machine: bool) -> None:
    lock = small_lock(tmp_path)
    first, second = (
        install_libraries(lock, for_this_machine=for_this_machine, cache=tmp_path / name)
        for name in ("a", "b")
    )
    assert first.name == second.name
    assert digest(first) == digest(second)


def should_install_once_though_several_syntheses_run(tmp_path: Path) -> None:
    lock = small_lock(tmp_path)
    with ThreadPoolExecutor() as threads:
        runs = [
            threads.submit(install_libraries, lock, for_this_machine=True, cache=tmp_path / "cache")
            for _ in range(3)
        ]
    assert {run.result() for run in runs} == set((tmp_path / "cache").iterdir())


def should_need_no_index_once_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = small_lock(tmp_path)
    first = install_libraries(lock, for_this_machine=True, cache=tmp_path / "cache")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert install_libraries(lock, for_this_machine=True, cache=tmp_path / "cache") == first


def should_leave_out_what_differs_between_machines(tmp_path: Path) -> None:
    folder = install_libraries(small_lock(tmp_path), for_this_machine=True, cache=tmp_path / "cache")
    names = {path.name for path in folder.rglob("*")}
    assert "METADATA" in names
    assert not names & {"RECORD", "INSTALLER", "direct_url.json", "bin", "__pycache__"}


def should_read_markers_for_the_functions_python(tmp_path: Path) -> None:
    lock = small_lock(tmp_path, marker=" ; python_full_version >= '3.14' and platform_machine == 'aarch64'")
    folder = install_libraries(lock, for_this_machine=False, cache=tmp_path / "cache")
    assert (folder / "standardwebhooks").is_dir()


def should_say_what_pip_said_when_a_library_cant_be_had(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"no-such-library-anywhere==1.0 \\\n    --hash=sha256:{'0' * 64}\n", "utf-8")
    with pytest.raises(BuildError, match="pip said") as caught:
        install_libraries(lock, for_this_machine=False, cache=tmp_path / "cache")
    assert "no-such-library-anywhere" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Source]:
    """A function of some name, with a library of its own, and two in the layer."""
    for library in ("layer/typing_extensions.py", "layer/pydantic_core/x", "own/jiter.cpython-314.so"):
        (tmp_path / library).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / library).touch()

    def install(lock: Path, **_: object) -> Path:
        return tmp_path / ("layer" if lock.parent.name == "layer" else "own")

    def make(name: str) -> Source:
        folder = tmp_path / "functions" / name
        folder.mkdir(parents=True)
        (folder / "requirements.txt").touch()
        return Sources(layer=tmp_path / "layer", cache=tmp_path, for_this_machine=True).python(folder)

    monkeypatch.setattr("stacks.code.source.install_libraries", install)
    return make


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("pydantic_core", "the shared layer has"),
        ("typing_extensions", "the shared layer has"),
        ("jiter", "its requirements.txt brings"),
    ],
)
def should_refuse_a_folder_named_like_a_library(
    named: Callable[[str], Source], name: str, whose: str
) -> None:
    with pytest.raises(BuildError) as caught:
        named(name).staged()
    assert str(caught.value) == (
        f'folder "{name}" of functions: {whose} a library "{name}", which the folder would hide; '
        f'rename the folder, for example to "handle_{name}"'
    )


def should_stage_a_folder_beside_its_libraries(named: Callable[[str], Source]) -> None:
    with named("orders").staged() as code:
        assert set(ZipFile(code.path).namelist()) == {"orders/requirements.txt", "jiter.cpython-314.so"}


def should_refuse_code_that_imports_what_is_not_shipped(
    named: Callable[[str], Source], tmp_path: Path
) -> None:
    source = named("orders")
    (tmp_path / "functions" / "orders" / "handler.py").write_text("import jiter, rich")
    with pytest.raises(BuildError) as caught:
        source.staged()
    said = 'folder "orders" of functions: handler.py imports "rich", which is not shipped.'
    assert str(caught.value).startswith(said)
