"""`make rotate`: by Secrets Manager where it has a schedule, else step by step; against the emulated AWS."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tools.cli import rotate_secret
from tools.cli.commands import main
from tools.cli.rotate_secret import STEPS
from tools.local.declaration import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRIES = ("webhook-signing", "target-edge-worker", "target-vercel-app")
STACK = "external-compute-dev-bridge"
NAME = "external-compute-dev-rotate"
# Stands for the function: writes down what it is asked, and fails at the step that a file names.
FUNCTION = """
import json, os, pathlib

def handler(event, context):
    folder = pathlib.Path(os.environ["FOLDER"])
    with (folder / "asked").open("a") as asked:
        asked.write(json.dumps(event) + "\\n")
    failing = folder / "failing"
    if failing.exists() and failing.read_text() == event.get("Step"):
        raise RuntimeError("testSecret: the API answers 401")
    return {event.get("entry") or event["SecretId"].rpartition("/")[2]: "done"}
"""
TEMPLATE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"RotateSecretFunction": {"Value": NAME}},
}


class Stage:
    """Stage "dev" of the project's own bridge.toml, as far as the script looks at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.secrets = boto3.client("secretsmanager")
        self._functions = boto3.client("lambda")
        self._stacks = boto3.client("cloudformation")
        for entry in ENTRIES:
            self.secrets.create_secret(Name=f"external-compute/dev/{entry}", SecretString="{}")
        self._stacks.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("handler.py", FUNCTION)
        self._functions.create_function(
            FunctionName=NAME,
            Runtime="python3.12",
            Handler="handler.handler",
            Role="arn:aws:iam::000000000000:role/rotate",
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"FOLDER": str(folder)}},
        )

    def remove(self) -> None:
        self._functions.delete_function(FunctionName=NAME)
        self._stacks.delete_stack(StackName=STACK)
        for entry in ENTRIES:
            name = f"external-compute/dev/{entry}"
            self.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def schedule(self, entry: str) -> None:
        """Give the entry a schedule; the emulator calls nothing, and lets a new version come into force."""
        self.secrets.rotate_secret(SecretId=f"external-compute/dev/{entry}")

    def asked(self) -> list[dict[str, Any]]:
        asked = self._folder / "asked"
        return [json.loads(line) for line in asked.read_text().splitlines()] if asked.exists() else []

    def fail_at(self, step: str) -> None:
        (self._folder / "failing").write_text(step)


@pytest.fixture
def stage(aws: None, tmp_path: Path) -> Iterator[Stage]:  # noqa: ARG001
    stage = Stage(tmp_path)
    yield stage
    stage.remove()


def run(*arguments: str) -> None:
    main(["rotate", "--stage", "dev", "--config", str(SHOP / "bridge.toml"), *arguments])


def should_take_the_four_steps_where_there_is_no_schedule(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--entry", "target-edge-worker")

    asked = stage.asked()
    assert [event["Step"] for event in asked] == list(STEPS)
    assert {event["SecretId"] for event in asked} == {"external-compute/dev/target-edge-worker"}
    [token] = {event["ClientRequestToken"] for event in asked}
    assert len(token) == 36
    assert "target-edge-worker: finishSecret done" in capsys.readouterr().out


def should_rotate_every_signing_secret_unless_told_otherwise(stage: Stage) -> None:
    run()

    assert {event["SecretId"].rpartition("/")[2] for event in stage.asked()} == set(ENTRIES)


def should_leave_it_to_secrets_manager_where_there_is_a_schedule(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.schedule("webhook-signing")

    run("--entry", "webhook-signing")

    assert stage.asked() == []
    assert "webhook-signing: the new secret is in force" in capsys.readouterr().out


def should_take_the_steps_all_the_same_when_told_to(stage: Stage) -> None:
    stage.schedule("webhook-signing")

    run("--entry", "webhook-signing", "--directly")

    assert len(stage.asked()) == len(STEPS)


def should_end_an_overlap_without_rotating(stage: Stage) -> None:
    run("--entry", "webhook-signing", "--end-overlap")

    assert stage.asked() == [{"entry": "webhook-signing", "end_overlap": True}]


def should_stop_at_a_step_that_fails_and_go_on_with_the_next_entry(stage: Stage) -> None:
    stage.fail_at("testSecret")

    with pytest.raises(SystemExit) as raised:
        run("--entry", "webhook-signing", "--entry", "target-edge-worker")

    assert "webhook-signing: testSecret: the API answers 401" in str(raised.value)
    assert "target-edge-worker: testSecret: the API answers 401" in str(raised.value)
    assert "finishSecret" not in {event["Step"] for event in stage.asked()}


def should_say_where_to_look_when_it_takes_too_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotate_secret, "PATIENCE_SECONDS", 0.0)
    stage.schedule("webhook-signing")

    with pytest.raises(SystemExit, match=rf"the secret of before is.*\n.*{NAME} says why"):
        run("--entry", "webhook-signing")


@pytest.mark.usefixtures("stage")
def should_name_what_is_no_signing_secret() -> None:
    with pytest.raises(
        SystemExit, match='"target-edge" is no signing secret; did you mean "target-edge-worker"'
    ):
        run("--entry", "target-edge")


@pytest.mark.usefixtures("aws")
def should_say_what_to_deploy_first() -> None:
    with pytest.raises(SystemExit, match=r"webhook-signing doesn't exist in us-east-1; deploy first"):
        run("--entry", "webhook-signing")
    with pytest.raises(SystemExit, match=r"-dev-bridge is not deployed in us-east-1; deploy it first"):
        run("--entry", "webhook-signing", "--end-overlap")
