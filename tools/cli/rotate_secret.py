"""Rotate the secrets that sign a stage's webhooks now, or end the overlap of a rotation."""

# ruff: noqa: T201 - what it prints is what it is for

import json
import time
from typing import Annotated, Any
from uuid import uuid4

import boto3
import typer
from botocore.config import Config

from stacks.names import entry_name, target_entry
from stacks.settings.mistakes import unknown
from tools.cli.stage import (
    DECLARATION,
    CommandError,
    ConfigOption,
    DeployedStage,
    RegionOption,
    StageOption,
    errors_explained,
    outputs_of,
)

# The entry that signs what is posted to the API.
SIGNING = "webhook-signing"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
PAUSE_SECONDS = 2.0
# Secrets Manager begins within seconds, and waits for each step.
PATIENCE_SECONDS = 180.0
# The function's own timeout, and a little.
ANSWER_SECONDS = 370


class RotateError(CommandError):
    """Says what could not be done, and what would help."""


def rotate(
    *,
    entry: Annotated[
        list[str] | None,
        typer.Option(
            "--entry",
            help='"webhook-signing", or a target\'s such as "target-crm"; repeatable; all by default.',
        ),
    ] = None,
    directly: Annotated[
        bool,
        typer.Option(
            "--directly",
            help="Take the four steps by invoking the function, also where Secrets Manager would take them.",
        ),
    ] = False,
    end_overlap: Annotated[
        bool,
        typer.Option(
            "--end-overlap", help="Rotate nothing; withdraw the previous secret now, as after a leak."
        ),
    ] = False,
    stage: StageOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """Rotate a stage's signing secrets now, or end an overlap."""
    if directly and end_overlap:
        raise typer.BadParameter("not allowed with --directly", param_hint="--end-overlap")
    with errors_explained(interrupted="whatever has been done, the secrets in force are accepted"):
        deployed = DeployedStage(stage, config=config, region=region)
        rotator = _Rotator(deployed.session, stage)
        failed = []
        for name in _chosen(entry or [], deployed):
            try:
                if end_overlap:
                    rotator.end_overlap(name)
                else:
                    rotator.rotate(name, directly=directly)
            except RotateError as error:
                print(f"{name}: failed")
                failed.append(f"{name}: {error}")
        if failed:
            raise RotateError("\n".join(failed))


def _chosen(entries: list[str], deployed: DeployedStage) -> list[str]:
    every = [SIGNING, *(target_entry(target.name) for target in deployed.settings.targets)]
    for entry in entries:
        if entry not in every:
            raise RotateError(f"--entry: {unknown('signing secret', entry, every)}")
    return entries or every


class _Rotator:
    """One stage's entries and function."""

    def __init__(self, session: boto3.Session, stage: str) -> None:
        self._stage = stage
        self._session = session
        self._secrets = session.client("secretsmanager")
        # An answer that is lost must not be asked for again meanwhile.
        config = Config(read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1})
        self._functions = session.client("lambda", config=config)
        self._function = ""

    def rotate(self, entry: str, *, directly: bool) -> None:
        """Rotate an entry, by Secrets Manager where it has a schedule."""
        if not directly and self.has_schedule(entry):
            self.start_and_wait(entry)
        else:
            self.take_steps(entry)

    def end_overlap(self, entry: str) -> None:
        """Withdraw an entry's previous secret."""
        print(f"{entry}: {self.invoke({'entry': entry, 'end_overlap': True})[entry]}")

    def has_schedule(self, entry: str) -> bool:
        """Whether Secrets Manager rotates the entry, and so can be told to."""
        name = entry_name(self._stage, entry)
        try:
            return bool(self._secrets.describe_secret(SecretId=name).get("RotationEnabled"))
        except self._secrets.exceptions.ResourceNotFoundException:
            raise RotateError(
                f"{name} doesn't exist in {self._session.region_name}; deploy first: npx cdk deploy --all -c"
                f" stage={self._stage}\nIf it is in another region, name that with --region."
            ) from None

    def start_and_wait(self, entry: str) -> None:
        """Let Secrets Manager rotate the entry now."""
        name = entry_name(self._stage, entry)
        try:
            version = self._secrets.rotate_secret(SecretId=name)["VersionId"]
        except self._secrets.exceptions.InvalidRequestException as error:
            said = error.response["Error"].get("Message", "")
            raise RotateError(f"Secrets Manager doesn't begin: {said}\n{self._where_to_look()}") from None
        print(f"{entry}: Secrets Manager rotates it …", flush=True)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            stages = self._secrets.describe_secret(SecretId=name).get("VersionIdsToStages", {})
            if "AWSCURRENT" in stages.get(version, []):
                print(f"{entry}: the new secret is in force")
                return
            time.sleep(PAUSE_SECONDS)
        raise RotateError(
            f"not in force after {PATIENCE_SECONDS:.0f} seconds; the secret of before is, and Secrets Manager"
            f" tries again by itself\n{self._where_to_look()}"
        )

    def take_steps(self, entry: str) -> None:
        """Do what Secrets Manager would: a token, and the four steps."""
        token = str(uuid4())
        for step in STEPS:
            event = {"SecretId": entry_name(self._stage, entry), "ClientRequestToken": token, "Step": step}
            print(f"{entry}: {step:<12} {self.invoke(event)[entry]}", flush=True)

    def invoke(self, event: dict[str, Any]) -> dict[str, str]:
        """Invoke the function, and return what it has done, by entry."""
        answer = self._functions.invoke(
            FunctionName=self._function_name(), Payload=json.dumps(event).encode()
        )
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RotateError(f"{said.get('errorMessage')}\nThe secrets in force are accepted as before.")
        done: dict[str, str] = said
        return done

    def _function_name(self) -> str:
        if not self._function:
            outputs = outputs_of(self._session, self._stage)
            if "RotateSecretFunction" not in outputs:
                raise RotateError(
                    f"the stack in {self._session.region_name} has no output RotateSecretFunction; "
                    f"deploy it first: npx cdk deploy --all -c stage={self._stage}"
                )
            self._function = outputs["RotateSecretFunction"]
        return self._function

    def _where_to_look(self) -> str:
        return f"The log of function {self._function_name()} says why; docs/rotation.md says what helps."
