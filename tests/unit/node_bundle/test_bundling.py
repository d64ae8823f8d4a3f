"""A worker in Node.js becomes one file that runs alone: the same bytes each time."""

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

from stacks.code.node_bundle import bundled
from tests.unit.messages import queued, records
from tests.unit.node_bundle.project import RECEIPTS, ROOT, content, write_worker
from tools.local.aws import client_environment

if TYPE_CHECKING:
    from tests.databases import Database
    from tests.unit.aws import Queue, Secret


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
