"""What commands about a stage say where AWS can't be asked, or refuses."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from tools.cli.stage import CommandError, DeployedStage, errors_explained, outputs_of
from tools.local.declaration import SHOP


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CommandError("say which"), "say which"),
        (NoCredentialsError(), "no AWS credentials found; set AWS_PROFILE, or run `aws configure`"),
        (NoRegionError(), "no AWS region found; set AWS_REGION, or name it for the stage in bridge.toml"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS can't be reached: Could not connect"),
        (refusal("ExpiredToken"), r"doesn't accept these credentials \(ExpiredToken\); renew them"),
        (refusal("AccessDenied", "not you"), "AWS refuses DescribeStacks: not you"),
        (refusal("Throttling"), "AWS refuses DescribeStacks: Throttling"),
        (KeyboardInterrupt(), "interrupted; nothing was changed"),
    ],
)
def should_say_in_a_sentence_what_is_wrong(error: BaseException, said: str) -> None:
    with pytest.raises(SystemExit, match=said), errors_explained(interrupted="nothing was changed"):
        raise error


def should_hide_no_mistake_of_its_own() -> None:
    with pytest.raises(ZeroDivisionError), errors_explained(interrupted=""):
        raise ZeroDivisionError


def should_take_the_region_that_is_given_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for region, expected in (("us-west-2", "us-west-2"), (None, "eu-west-1")):
        assert (
            DeployedStage("dev", config=SHOP / "bridge.toml", region=region).session.region_name == expected
        )


def should_not_take_a_refusal_for_a_stack_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    session = boto3.Session("id", "key", region_name="eu-west-1")

    with pytest.raises(BotoCoreError):
        outputs_of(session, "dev")
