"""A worker in Node.js becomes one file that runs alone: the same bytes each time, from what is locked."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from local.aws import client_environment
from stacks.constructs.node_bundle import bundled
from stacks.errors import BuildError
from tests.unit.messages import queued, records

if TYPE_CHECKING:
    from tests.databases import Database
    from tests.unit.aws import Queue, Secret

ROOT = Path(__file__).parents[2]
RECEIPTS = ROOT / "lambda_src" / "workers" / "render_receipt"
WORKER = "lambda_src/workers/deep_thought"
INDEX = "import { answer } from 'answer'\nexport const handler = async () => answer()\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with esbuild and one library, a CommonJS one that reads a file and Node.js's own modules."""
    modules = tmp_path / "node_modules"
    (modules / ".bin").mkdir(parents=True)
    for name in ("esbuild", "@esbuild", ".bin/esbuild"):
        (modules / name).symlink_to(ROOT / "node_modules" / name)
    lock(tmp_path, "node_modules/esbuild", locked_packages(ROOT)["node_modules/esbuild"])
    install(tmp_path, "node_modules/answer", "exports.answer = () => require('os').EOL === '\\n' && 42")
    (modules / "answer" / "data.txt").write_text("data")
    write_worker(tmp_path)
    return tmp_path


def install(
    root: Path, place: str, code: str, *, version: str = "1.0.0", locked: str | None = "1.0.0"
) -> None:
    """Install a library in a folder of its name, and lock it beside what is locked already."""
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"name": folder.name, "version": version}))
    (folder / "index.js").write_text(code)
    lock(root, place, {"version": locked} if locked else None)


def locked_packages(root: Path) -> dict[str, Any]:
    packages: dict[str, Any] = json.loads((root / "package-lock.json").read_text())["packages"]
    return packages


def lock(root: Path, place: str, package: dict[str, Any] | None) -> None:
    file = root / "package-lock.json"
    packages = (locked_packages(root) if file.exists() else {}) | {place: package}
    kept = {name: package for name, package in packages.items() if package is not None}
    file.write_text(json.dumps({"packages": kept}))


def write_worker(
    root: Path, *, index: str = INDEX, data: list[str] | None = None, **dependencies: str
) -> Path:
    """Write a worker, and lock it as `npm install` does."""
    folder = root / WORKER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.mjs").write_text(index)
    dependencies = dependencies or {"answer": "1.0.0"}
    package = {"dependencies": dependencies, "bundle": {"data": data or []}}
    (folder / "package.json").write_text(json.dumps(package))
    lock(root, WORKER, {"dependencies": dependencies})
    return folder


def content(folder: Path, root: Path = ROOT) -> dict[str, bytes]:
    with bundled(folder, root=root) as made:
        files = [path for path in Path(made).rglob("*") if path.is_file()]
        return {str(path.relative_to(made)): path.read_bytes() for path in files}


def problem(folder: Path, root: Path) -> str:
    with pytest.raises(BuildError) as raised, bundled(folder, root=root):
        pass
    return str(raised.value)


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def execute(folder: Path, script: str, **environment: str) -> str:
    search_path = client_environment("http://127.0.0.1:9")["PATH"]
    return subprocess.run(
        ["node", "--input-type=module", "--eval", script],
        cwd=folder,
        env={"PATH": search_path, "AWS_REGION": "us-east-1", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def should_give_the_same_bytes_each_time_and_on_each_machine() -> None:
    first, second = content(RECEIPTS), content(RECEIPTS)

    assert first == second
    assert str(ROOT).encode() not in first["index.mjs"]


def should_put_data_of_libraries_beside() -> None:
    fonts = {name.rpartition("/")[2] for name in content(RECEIPTS) if name.startswith("node_modules/")}

    assert fonts == {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "LICENSE"}


def should_run_without_what_it_was_made_of(tmp_path: Path) -> None:
    alone = unpack(content(RECEIPTS), tmp_path)

    script = """\
        const { handler } = await import('./index.mjs')
        // Lambda takes one with three parameters for a callback's, and refuses it.
        console.log(typeof handler, handler.length <= 2)"""
    assert execute(alone, script) == "function true\n"


def should_bundle_commonjs_that_requires_modules_of_node(root: Path, tmp_path: Path) -> None:
    folder = write_worker(root, data=["answer/data.txt"])

    alone = unpack(content(folder, root), tmp_path / "alone")

    assert execute(alone, "console.log(await (await import('./index.mjs')).handler())") == "42\n"
    assert (alone / "node_modules" / "answer" / "data.txt").read_text() == "data"


def should_be_readable_by_the_user_whom_lambda_runs_it_as(root: Path) -> None:
    before = os.umask(0o077)
    try:
        with bundled(write_worker(root, data=["answer"]), root=root) as made:
            modes = {oct(path.stat().st_mode & 0o777) for path in Path(made).rglob("*") if path.is_file()}
            assert Path(made).stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)

    assert modes == {"0o644"}


def should_leave_nothing_behind(root: Path) -> None:
    with bundled(write_worker(root), root=root) as made:
        assert Path(made).is_dir()

    assert not Path(made).parent.exists()


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


def should_refuse_another_version_than_the_locked_one(root: Path) -> None:
    install(root, "node_modules/answer", "exports.answer = 43", version="1.0.1")

    assert problem(write_worker(root), root).endswith(
        'answer is installed as "1.0.1", but package-lock.json has "1.0.0"; run "npm ci"'
    )


def should_hold_a_library_that_only_gives_data_to_the_lock(root: Path) -> None:
    install(root, "node_modules/fonts", "", version="2.0.1", locked="2.0.0")

    assert 'fonts is installed as "2.0.1", but package-lock.json has "2.0.0"; run "npm ci"' in problem(
        write_worker(root, data=["fonts/index.js"]), root
    )


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


def should_refuse_a_library_that_is_not_locked(root: Path) -> None:
    install(root, "node_modules/answer", "exports.answer = 43", locked=None)

    assert 'answer is installed as "1.0.0", but package-lock.json has none; run "npm install"' in problem(
        write_worker(root), root
    )


def should_refuse_another_esbuild_than_the_locked_one(root: Path) -> None:
    installed = locked_packages(ROOT)["node_modules/esbuild"]["version"]
    lock(root, "node_modules/esbuild", {"version": "0.1.0"})

    assert problem(write_worker(root), root) == (
        f'worker "deep_thought": esbuild is installed as "{installed}", but package-lock.json has "0.1.0";'
        ' run "npm ci"'
    )


def should_refuse_a_worker_that_is_not_locked(root: Path) -> None:
    folder = write_worker(root)
    lock(root, WORKER, None)

    said = problem(folder, root)

    assert said.startswith('worker "deep_thought": package-lock.json doesn\'t have it; run "npm install"')


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
    lock(root, WORKER, {"dependencies": locked})

    said = problem(folder, root)

    assert f"package.json and package-lock.json differ in the version of {named}; run" in said


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


def should_run_as_a_function(
    database: Database, database_secret: Secret, queue: Queue, aws_endpoint: str
) -> None:
    name = f"render-receipt-{uuid4()}"
    client = boto3.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="nodejs24.x",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/unused",
        Code={"ZipFile": zipped(content(RECEIPTS))},
        Timeout=30,
        MemorySize=1024,
        Environment={
            "Variables": {
                "WORKER": "render_receipt",
                "QUEUE_URL": queue.url,
                "DATABASE_SECRET_ID": database_secret.id,
                "DATABASE_TLS": "disable",
                "POWERTOOLS_SERVICE_NAME": "render_receipt",
                "POWERTOOLS_METRICS_NAMESPACE": "ExternalCompute/test",
                "AWS_ENDPOINT_URL": aws_endpoint,
            }
        },
    )

    good, bad = (
        queued({"id": 1, "user_id": None}),
        queued({"id": 2}, id="other:0", truncated=True, table="none"),
    )
    answer = client.invoke(FunctionName=name, Payload=json.dumps(records(good, bad)))

    assert "FunctionError" not in answer
    body: Any = json.loads(answer["Payload"].read())
    assert body == {"batchItemFailures": [{"itemIdentifier": "record-1"}]}
    assert database.column("select event_id from bridge.processed_event") == [good["id"]]


def zipped(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return data.getvalue()
