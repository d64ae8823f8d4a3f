"""What commands about a deployed stage have in common: options, the stage's outputs, AWS errors in words."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from stacks.errors import SettingsError
from stacks.settings import Settings, read_settings

_BAD_CREDENTIALS = {
    *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"),
    *("SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException"),
}


class CommandError(Exception):
    """Says what could not be done, and what would help."""


def options_parser() -> argparse.ArgumentParser:
    """Return the options that tell which stage is meant, as a parent of a command's own."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--stage", required=True, help="a stage of bridge.toml")
    parser.add_argument("--config", default="bridge.toml", help="another file than bridge.toml")
    parser.add_argument(
        "--region", help="AWS region, if neither bridge.toml nor the AWS configuration names it"
    )
    return parser


def settings_of(options: argparse.Namespace) -> Settings:
    """Read the stage's part of bridge.toml.

    Raises:
        SettingsError: it is wrong, or has no such stage.
    """
    return read_settings({"stage": options.stage, "config": options.config})


def session_of(options: argparse.Namespace, settings: Settings) -> boto3.Session:
    """Return a session in the stage's region."""
    # AWS_REGION is what the CDK CLI deploys to; boto3 by itself reads AWS_DEFAULT_REGION only.
    region = options.region or settings.stage.region or os.environ.get("AWS_REGION")
    return boto3.Session(region_name=region)


def outputs_of(session: boto3.Session, stage: str) -> dict[str, str]:
    """Read the outputs of a stage's bridge stack.

    Raises:
        CommandError: it isn't deployed in this region.
    """
    client = session.client("cloudformation")
    name = f"external-compute-{stage}-bridge"
    try:
        stacks = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise CommandError(
            f"{name} is not deployed in {client.meta.region_name}; deploy it first:"
            f" make deploy STAGE={stage}\nIf it is in another region, name that with --region."
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


@contextlib.contextmanager
def errors_explained(*, interrupted: str) -> Iterator[None]:
    """Exit with a message where something can't be done; `interrupted` says what Ctrl-C leaves behind."""
    try:
        yield
    except (CommandError, SettingsError) as error:
        sys.exit(str(error))
    except (BotoCoreError, ClientError) as error:
        sys.exit(in_words(error))
    except KeyboardInterrupt:
        sys.exit(f"interrupted; {interrupted}")


def in_words(error: BotoCoreError | ClientError) -> str:
    """Return what AWS refused and why, or what keeps it from being asked."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials found; set AWS_PROFILE, or run `aws configure` or `aws sso login`"
    if isinstance(error, NoRegionError):
        return "no AWS region found; set AWS_REGION, or name it for the stage in bridge.toml"
    if not isinstance(error, ClientError):
        return f"AWS can't be reached: {error}"
    code = error.response["Error"]["Code"]
    if code in _BAD_CREDENTIALS:
        return f"AWS doesn't accept these credentials ({code}); renew them, or choose others with AWS_PROFILE"
    return f"AWS refuses {error.operation_name}: {error.response['Error'].get('Message') or code}"
