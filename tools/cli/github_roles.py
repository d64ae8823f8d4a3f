"""Roles that a repository's workflows take: `make github STAGE=prod REPOSITORY=owner/name`."""

import os
import subprocess
import sys
from typing import Annotated

import boto3
import typer
from botocore.exceptions import ClientError

from stacks.settings import Settings
from tools.cdk_cli import ROOT
from tools.cli.stage import (
    DECLARATION,
    CommandError,
    ConfigOption,
    DeployedStage,
    RegionOption,
    StageOption,
    errors_explained,
)

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


RepositoryOption = Annotated[
    str,
    typer.Option(
        "--repository",
        help="owner/name as GitHub writes it; of one that was created, renamed or moved since 15 July 2026 "
        "with its ids: owner@123/name@456.",
    ),
]


def github(
    *,
    stage: StageOption,
    repository: RepositoryOption,
    config: ConfigOption = DECLARATION,
    region: RegionOption = None,
) -> None:
    """Deploy the roles that a repository's workflows take to deploy a stage; asks first.

    It prints what GitHub must be told.
    """
    with errors_explained(interrupted="look at the stack in the CloudFormation console"):
        deployed = DeployedStage(stage, config=config, region=region)
        session, stack = deployed.session, stack_name(stage)
        context = {"stage": stage, "config": str(config.absolute()), "github": repository}
        if _has_foreign_provider(session, stack):
            context["github_provider"] = "existing"
        command = ["cdk", "--no-notices", "deploy", stack]
        for key, value in context.items():
            command += ["-c", f"{key}={value}"]
        environment = os.environ | {"AWS_REGION": session.region_name or ""}
        result = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        if result.returncode:
            sys.exit(result.returncode)
        sys.stdout.write(variables(session, deployed.settings, repository))


def stack_name(stage: str) -> str:
    """Name of the stack that holds a stage's roles."""
    return f"external-compute-{stage}-github"


def variables(session: boto3.Session, settings: Settings, repository: str) -> str:
    """Return what to do at GitHub, with the commands that tell it of the deployed roles."""
    stage = settings.stage_name
    [description] = session.client("cloudformation").describe_stacks(StackName=stack_name(stage))["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
    name = "/".join(part.partition("@")[0] for part in repository.split("/"))
    branches = " and ".join(settings.stage.deploy_from)
    lines = [
        "",
        f"In the repository's settings, make the environments {stage}-diff and {stage}, for {branches} only;",
        f"give {stage} the reviewers who approve deployments. Two variables in each name its role:",
        "",
    ]
    for environment, output in ((f"{stage}-diff", "DiffRoleArn"), (stage, "DeployRoleArn")):
        lines += [
            f"  gh variable set AWS_ROLE --repo {name} --env {environment} --body {outputs[output]}",
            f"  gh variable set AWS_REGION --repo {name} --env {environment} --body {session.region_name}",
        ]
    return "\n".join([*lines, "", "docs/deploying.md has the rest.", ""])


def _has_foreign_provider(session: boto3.Session, stack: str) -> bool:
    """Tell whether the account has GitHub's identity provider from elsewhere than this stack.

    Raises:
        CommandError: it has, for others than AWS.
    """
    iam = session.client("iam")
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    suffix = f":oidc-provider/{_ISSUER}"
    arn = next((provider["Arn"] for provider in providers if provider["Arn"].endswith(suffix)), None)
    if arn is None or arn in _resources(session, stack):
        return False
    audiences = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
    if _AUDIENCE not in audiences:
        raise CommandError(
            f"the account's identity provider for GitHub takes no tokens for {_AUDIENCE}; let it:\n"
            "aws iam add-client-id-to-open-id-connect-provider"
            f" --open-id-connect-provider-arn {arn} --client-id {_AUDIENCE}"
        )
    return True


def _resources(session: boto3.Session, stack: str) -> set[str]:
    try:
        answer = session.client("cloudformation").describe_stack_resources(StackName=stack)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return set()
    return {resource.get("PhysicalResourceId", "") for resource in answer["StackResources"]}
