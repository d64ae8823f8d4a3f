"""The roles of GitHub's workflows: who may take them, and what they may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.infrastructure.assembly import synthesize
from tests.infrastructure.changed import BOUNDARY
from tests.infrastructure.permissions import allowed_to_role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.infrastructure.assembly import Assembly

ACCOUNT, REGION = "123456789012", "eu-central-1"
ISSUER = "token.actions.githubusercontent.com"
HERE = ("stage=prod", f"account={ACCOUNT}", f"region={REGION}", f"permissions_boundary={BOUNDARY}")


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A declaration with stages and nothing else."""
    file = tmp_path_factory.mktemp("declared") / "bridge.toml"
    file.write_text("[stages.prod]\n")
    return f"config={file}"


@pytest.fixture(scope="module")
def github(synthesized: Callable[..., Assembly], declared: str) -> dict[str, Any]:
    return synthesized(*HERE, declared, "github=acme/shop").template("prod-github")


@pytest.fixture(scope="module")
def other(synthesized: Callable[..., Assembly], declared: str) -> dict[str, Any]:
    """The same, of a repository with ids, in an account that has the provider, from two branches."""
    more = ("github=acme@12/shop@34", "github_provider=existing", "deploy_from=main,next")
    return synthesized(*HERE, declared, *more).template("prod-github")


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == kind}


def roles(template: dict[str, Any]) -> dict[str, str]:
    """Logical ids of both roles, by the output that has its ARN."""
    return {name: output["Value"]["Fn::GetAtt"][0] for name, output in template["Outputs"].items()}


def trust(template: dict[str, Any], output: str) -> dict[str, Any]:
    role = template["Resources"][roles(template)[output]]["Properties"]
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    return dict(statement)


@pytest.mark.parametrize(("output", "environment"), [("DiffRoleArn", "prod-diff"), ("DeployRoleArn", "prod")])
def should_trust_one_environment_of_one_repository_and_its_branches(
    github: dict[str, Any], other: dict[str, Any], output: str, environment: str
) -> None:
    [provider] = of_type(github, "AWS::IAM::OIDCProvider")
    for template, repository, branches, federated in (
        (github, "acme/shop", ["main"], {"Ref": provider}),
        (other, "acme@12/shop@34", ["main", "next"], f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"),
    ):
        assert trust(template, output) == {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": federated},
            "Condition": {
                "StringEquals": {
                    f"{ISSUER}:aud": "sts.amazonaws.com",
                    f"{ISSUER}:sub": f"repo:{repository}:environment:{environment}",
                },
                # A condition that AWS doesn't hand on must not shut everyone out.
                "StringEqualsIfExists": {
                    f"{ISSUER}:ref": [f"refs/heads/{branch}" for branch in branches],
                },
            },
        }


def should_let_the_diff_role_read_the_stages_templates_only(github: dict[str, Any]) -> None:
    stacks = {
        f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/external-compute-prod-{name}{nested}/*"
        for name in ("secrets", "bridge", "monitoring")
        for nested in ("", "-*")
    }
    assert allowed_to_role(github, roles(github)["DiffRoleArn"]) == {
        "cloudformation:DescribeStacks": stacks,
        "cloudformation:DescribeStackResources": stacks,
        "cloudformation:GetTemplate": stacks,
    }


def should_let_the_deploy_role_become_the_cdks_own_only(github: dict[str, Any]) -> None:
    assert allowed_to_role(github, roles(github)["DeployRoleArn"]) == {
        "sts:AssumeRole": {
            f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-{name}-role-{ACCOUNT}-{REGION}"
            for name in ("deploy", "file-publishing")
        }
    }


def should_hold_nothing_but_two_roles_and_the_provider(github: dict[str, Any], other: dict[str, Any]) -> None:
    kinds = sorted(each["Type"] for each in github["Resources"].values())
    role = ["AWS::IAM::Policy"] * 2 + ["AWS::IAM::Role"] * 2
    assert kinds == ["AWS::IAM::OIDCProvider", *role]
    assert sorted(each["Type"] for each in other["Resources"].values()) == role


def should_keep_the_provider_that_others_may_trust_when_the_roles_go(github: dict[str, Any]) -> None:
    [provider] = of_type(github, "AWS::IAM::OIDCProvider").values()
    assert provider["DeletionPolicy"] == "RetainExceptOnCreate"
    assert provider["Properties"]["Url"] == f"https://{ISSUER}"
    assert provider["Properties"]["ClientIdList"] == ["sts.amazonaws.com"]


def should_bound_and_tag_both_roles(github: dict[str, Any]) -> None:
    for role in of_type(github, "AWS::IAM::Role").values():
        assert role["Properties"]["PermissionsBoundary"] == BOUNDARY
        tags = {tag["Key"]: tag["Value"] for tag in role["Properties"]["Tags"]}
        assert tags == {"project": "external-compute", "stage": "prod"}


def should_not_be_among_the_stacks_of_other_commands(assembly: Assembly) -> None:
    manifest = json.loads((assembly.directory / "manifest.json").read_text("utf-8"))
    assert "external-compute-prod-github" not in manifest["artifacts"]


@pytest.mark.parametrize(
    "name", ["shop", "acme/shop/more", "acme@12/shop", "*/*", "https://github.com/acme/shop"]
)
def should_refuse_what_is_no_repository(name: str, tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text("[stages.prod]\n")
    options = ("stage=prod", f"config={tmp_path / 'bridge.toml'}", f"github={name}")
    result = synthesize(tmp_path / "out", *(word for option in options for word in ("-c", option)))
    assert result.returncode == 1
    assert f"-c github={name} is wrong; allowed: a repository as GitHub writes it" in result.stderr
