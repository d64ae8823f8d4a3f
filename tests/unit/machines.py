"""State machines of the emulator, and the Lambda functions that they call."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = Path(__file__).parents[2] / "lambda_src"
RUNNING = "RUNNING"


@dataclass(frozen=True)
class Machine:
    """A state machine of one test."""

    arn: str

    @classmethod
    def create(cls, definition: str) -> Machine:
        role = boto3.client("iam").create_role(RoleName=f"test-{uuid4()}", AssumeRolePolicyDocument="{}")
        machine = boto3.client("stepfunctions").create_state_machine(
            name=f"test-{uuid4()}", definition=definition, roleArn=role["Role"]["Arn"]
        )
        return cls(machine["stateMachineArn"])

    @classmethod
    def idle(cls) -> Machine:
        """One that does nothing, at once."""
        return cls.create(json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}))

    def executions(self) -> list[str]:
        """The names of its executions."""
        listed = boto3.client("stepfunctions").list_executions(stateMachineArn=self.arn)["executions"]
        return sorted(execution["name"] for execution in listed)

    def execution(self, name: str) -> dict[str, Any]:
        return dict(boto3.client("stepfunctions").describe_execution(executionArn=self._execution_arn(name)))

    def history(self, name: str) -> str:
        """What has happened in an execution so far, as text."""
        client = boto3.client("stepfunctions")
        return str(client.get_execution_history(executionArn=self._execution_arn(name))["events"])

    def _execution_arn(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"

    def ended(self, name: str, *, seconds: float = 30) -> dict[str, Any]:
        """Wait for an execution's end."""
        deadline = time.monotonic() + seconds
        while (found := self.execution(name))["status"] == RUNNING:
            assert time.monotonic() < deadline, "it still runs"
            time.sleep(0.1)
        return found


def deploy(handler: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Make a Lambda function of a folder and the layer's own package; return its ARN."""
    role = boto3.client("iam").create_role(RoleName=f"test-{uuid4()}", AssumeRolePolicyDocument="{}")
    function = boto3.client("lambda").create_function(
        FunctionName=f"test-{uuid4()}",
        Runtime="python3.14",
        Handler=handler,
        Role=role["Role"]["Arn"],
        Code={"ZipFile": zipped(folder, SOURCES / "layer" / "bridge")},
        Environment={"Variables": dict(environment)},
        Timeout=30,
    )
    return str(function["FunctionArn"])


def zipped(*folders: Path) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for folder in folders:
            for file in folder.rglob("*.py"):
                archive.write(file, file.relative_to(folder.parent))
    return made.getvalue()
