"""The command that deploys the roles of GitHub's workflows: what it asks AWS, and what it tells the user."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tools.cli import github_roles
from tools.cli.commands import main
from tools.local.declaration import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://token.actions.githubusercontent.com"
STACK = "external-compute-prod-github"
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}


@pytest.fixture
def commands(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:  # noqa: ARG001
    """The CDK's commands, each of which deploys roles without rights."""
    given: list[list[str]] = []
    cloudformation = boto3.client("cloudformation")

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        given.append(command)
        outputs = {name: {"Value": f"arn:{name}"} for name in ("DiffRoleArn", "DeployRoleArn")}
        body = f'{{"Resources": {{"Role": {ROLE!r}}}, "Outputs": {outputs!r}}}'.replace("'", '"')
        cloudformation.create_stack(StackName=STACK, TemplateBody=body)
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    yield given
    cloudformation.delete_stack(StackName=STACK)
    iam = boto3.client("iam")
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])


def should_deploy_the_roles_alone_and_say_what_github_must_know(
    commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["github", "--stage=prod", f"--config={SHOP / 'bridge.toml'}", "--repository=acme@12/shop@34"])
    [command] = commands
    assert command[:4] == ["cdk", "--no-notices", "deploy", STACK]
    assert "github=acme@12/shop@34" in command
    assert "github_provider=existing" not in command
    said = capsys.readouterr().out
    assert "make the environments prod-diff and prod, for main only" in said
    assert "gh variable set AWS_ROLE --repo acme/shop --env prod-diff --body arn:DiffRoleArn" in said
    assert "gh variable set AWS_ROLE --repo acme/shop --env prod --body arn:DeployRoleArn" in said
    assert "gh variable set AWS_REGION --repo acme/shop --env prod --body us-east-1" in said


def should_use_the_provider_that_the_account_has(commands: list[list[str]]) -> None:
    boto3.client("iam").create_open_id_connect_provider(Url=URL, ClientIDList=["sts.amazonaws.com"])
    main(["github", "--stage=prod", f"--config={SHOP / 'bridge.toml'}", "--repository=acme/shop"])
    assert "github_provider=existing" in commands[0]


def should_keep_the_provider_that_is_the_stacks_own(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = boto3.client("iam").create_open_id_connect_provider(
        Url=URL, ClientIDList=["sts.amazonaws.com"]
    )
    own = {provider["OpenIDConnectProviderArn"]}
    monkeypatch.setattr(github_roles, "_resources", lambda *_: own)
    main(["github", "--stage=prod", f"--config={SHOP / 'bridge.toml'}", "--repository=acme/shop"])
    assert "github_provider=existing" not in commands[0]


def should_name_the_remedy_where_the_provider_is_for_others(commands: list[list[str]]) -> None:
    boto3.client("iam").create_open_id_connect_provider(Url=URL, ClientIDList=["https://github.com/acme"])
    with pytest.raises(SystemExit, match="add-client-id-to-open-id-connect-provider"):
        main(["github", "--stage=prod", f"--config={SHOP / 'bridge.toml'}", "--repository=acme/shop"])
    assert commands == []


def should_end_as_the_deployment_did(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    failed: subprocess.CompletedProcess[str] = subprocess.CompletedProcess("cdk", 3)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit) as exit_:
        main(["github", "--stage=prod", f"--config={SHOP / 'bridge.toml'}", "--repository=acme/shop"])
    assert exit_.value.code == 3
