"""Roles that a repository's GitHub workflows take, without any key being stored there."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.errors import SettingsError
from stacks.settings import Settings
from stacks.stage_stack import StageStack

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"
# Since July 2026 a new or renamed repository's tokens hold its ids: owner@123/name@456.
_REPOSITORY = re.compile(r"[a-zA-Z\d-]+/[\w.-]+|[a-zA-Z\d-]+@\d+/[\w.-]+@\d+", re.ASCII)
_BOOTSTRAPPED = ("deploy", "file-publishing")


class GithubStack(StageStack):
    """A role to compare with what is deployed, and one to deploy; each for one environment of one repository.

    Deployed by a person with `-c github=owner/name`, and left out of all other commands: what deploys the
    stage doesn't write its own rights.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        context: Mapping[str, Any],
        stacks: Iterable[Stack],
    ) -> None:
        """Make both roles for one stage.

        Args:
            scope: the app.
            construct_id: its name.
            settings: the stage's; deploy_from names the branches.
            context: `github` is the repository; `github_provider` is "existing" where the account has
                GitHub's identity provider already, of which there can be only one.
            stacks: the stage's.

        Raises:
            SettingsError: `github` is no repository.
        """
        super().__init__(scope, construct_id, settings=settings, holds="roles of GitHub's workflows")
        self._stage_name = settings.stage_name
        self._repository = _repository(context["github"])
        self._branches = settings.stage.deploy_from
        self._provider_arn = self._provider(exists=context.get("github_provider") == "existing")
        self._diff_role(stacks)
        self._deploy_role()

    def _provider(self, *, exists: bool) -> str:
        if exists:
            return self.format_arn(service="iam", region="", resource="oidc-provider", resource_name=_ISSUER)
        # Other stages and other repositories' roles may trust it too.
        kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        provider = iam.OidcProviderNative(
            self, "Provider", url=f"https://{_ISSUER}", client_ids=[_AUDIENCE], removal_policy=kept
        )
        return provider.oidc_provider_arn

    def _diff_role(self, stacks: Iterable[Stack]) -> None:
        """A role that reads what is deployed of this stage's stacks, and nothing else.

        A change set would tell a little more, and take a lot more: the bootstrap's bucket to be written, from
        which the next deployment takes its templates, and CloudFormation's own role to be passed on.
        """
        role = self._role("Diff", environment=f"{self._stage_name}-diff", does="Reads the deployed templates")
        # Of a stack, and of those nested in it once it has grown.
        names = [name for stack in stacks for name in (stack.stack_name, f"{stack.stack_name}-*")]
        templates = [
            self.format_arn(service="cloudformation", resource="stack", resource_name=f"{name}/*")
            for name in names
        ]
        actions = ("DescribeStacks", "DescribeStackResources", "GetTemplate")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[f"cloudformation:{action}" for action in actions], resources=templates
            )
        )
        for arn in templates:
            acknowledge(
                role,
                f"AwsSolutions-IAM5[Resource::{self._as_cdk_nag_writes(arn)}]",
                "After a stack's name comes an id, which is another each time it is created.",
            )

    def _deploy_role(self) -> None:
        role = self._role(
            "Deploy", environment=self._stage_name, does="Deploys, as the CDK's bootstrap roles"
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"], resources=[self._bootstrapped(name) for name in _BOOTSTRAPPED]
            )
        )

    def _role(self, name: str, *, environment: str, does: str) -> iam.Role:
        role = iam.Role(
            self,
            f"{name}Role",
            description=f"{does}: environment {environment} of {self._repository}",
            assumed_by=iam.WebIdentityPrincipal(
                self._provider_arn,
                {
                    "StringEquals": {
                        f"{_ISSUER}:aud": _AUDIENCE,
                        f"{_ISSUER}:sub": f"repo:{self._repository}:environment:{environment}",
                    },
                    # Where AWS hands it on; the environment's branch policy holds in any case.
                    "StringEqualsIfExists": {
                        f"{_ISSUER}:ref": [f"refs/heads/{branch}" for branch in self._branches],
                    },
                },
            ),
        )
        CfnOutput(self, f"{name}RoleArn", value=role.role_arn, description=f"AWS_ROLE of {environment}")
        return role

    def _bootstrapped(self, role: str) -> str:
        qualifier = self.synthesizer.bootstrap_qualifier
        return self.format_arn(
            service="iam",
            region="",
            resource="role",
            resource_name=f"cdk-{qualifier}-{role}-role-{self.account}-{self.region}",
        )

    def _as_cdk_nag_writes(self, arn: str) -> str:
        resolved = self.resolve(arn)
        parts = [resolved] if isinstance(resolved, str) else resolved["Fn::Join"][1]
        return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)


def _repository(name: str) -> str:
    if not _REPOSITORY.fullmatch(name):
        raise SettingsError(
            f"-c github={name} is wrong; allowed: a repository as GitHub writes it, owner/name, "
            "or with its ids, owner@123/name@456"
        )
    return name
