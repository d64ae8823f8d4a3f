"""Deploy the roles that a repository's workflows take: `make github STAGE=prod REPOSITORY=owner/name`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import ClientError

from scripts.stage import CommandError, errors_explained, options_parser, session_of, settings_of
from stacks.settings import Settings

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


def main(arguments: Sequence[str] | None = None) -> None:
    """Deploy them, and print what GitHub must know.

    Raises:
        SystemExit: the deployment failed, or AWS refuses; says why.
    """
    options = _parser().parse_args(arguments)
    with errors_explained(interrupted="look at the stack in the CloudFormation console"):
        settings = settings_of(options)
        session = session_of(options, settings)
        stack = stack_name(options.stage)
        context = {"stage": options.stage, "config": options.config, "github": options.repository}
        if _has_foreign_provider(session, stack):
            context["github_provider"] = "existing"
        command = ["cdk", "--no-notices", "deploy", stack]
        for key, value in context.items():
            command += ["-c", f"{key}={value}"]
        region = {"AWS_REGION": session.region_name or ""}
        deployed = subprocess.run(command, env=os.environ | region, check=False)
        if deployed.returncode:
            sys.exit(deployed.returncode)
        sys.stdout.write(variables(session, settings, options.repository))


def stack_name(stage: str) -> str:
    """Name of the stack that holds a stage's roles."""
    return f"external-compute-{stage}-github"


def variables(session: boto3.Session, settings: Settings, repository: str) -> str:
    """Return what to do at GitHub, with the commands that tell it of the deployed roles."""
    stage = settings.stage
    [description] = session.client("cloudformation").describe_stacks(StackName=stack_name(stage))["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
    name = "/".join(part.partition("@")[0] for part in repository.split("/"))
    branches = " and ".join(settings.environment.deploy_from)
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
    """Whether the account has GitHub's identity provider, and not from this stack.

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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.github_roles",
        description="Deploy the roles that a repository's workflows take to deploy a stage, and print what "
        "GitHub must be told. It shows which rights they have, and asks first.",
        parents=[options_parser()],
    )
    parser.add_argument(
        "--repository",
        required=True,
        help="owner/name as GitHub writes it; of one that was created, renamed or moved since 15 July 2026 "
        "with its ids: owner@123/name@456",
    )
    return parser


if __name__ == "__main__":
    main()
