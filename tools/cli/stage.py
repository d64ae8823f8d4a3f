"""What commands about a deployed stage have in common: options, the stage's outputs, AWS errors in words."""

import contextlib
import os
import sys
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from stacks.errors import SettingsError
from stacks.settings import read_settings
from tools.cdk_cli import ROOT

# The one here, else the project's: a command may be called from any folder.
DECLARATION = Path("bridge.toml")
if not DECLARATION.exists():
    DECLARATION = Path(os.path.relpath(ROOT / "bridge.toml"))
_BAD_CREDENTIALS = {
    *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"),
    *("SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException"),
}


class CommandError(Exception):
    """Says what could not be done, and what would help."""


def _stages() -> list[str]:
    """Names that complete --stage; none where the file can't be read."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return list(tomllib.loads(DECLARATION.read_text("utf-8")).get("stages", {}))
    return []


# Options that commands share.
ConfigOption = Annotated[Path, typer.Option("--config", help="Another file than bridge.toml.")]
StageOption = Annotated[str, typer.Option("--stage", help="A stage of bridge.toml.", autocompletion=_stages)]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", help="AWS region, if neither bridge.toml nor the AWS configuration names it."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


class DeployedStage:
    """A stage as bridge.toml declares it, and a way to AWS.

    Args:
        name: a stage of the declaration.
        config: the declaration.
        region: the AWS region; None: the one that the declaration or the environment names.

    Attributes:
        name: the stage's.
        settings: the stage's part of the declaration.
        session: in the stage's region.

    Raises:
        SettingsError: the declaration is wrong, or has no such stage.
    """

    def __init__(self, name: str, *, config: Path = DECLARATION, region: str | None = None) -> None:
        self.name = name
        self.settings = read_settings({"stage": name, "config": config})
        # AWS_REGION is what the CDK CLI deploys to; boto3 by itself reads AWS_DEFAULT_REGION only.
        region = region or self.settings.stage.region or os.environ.get("AWS_REGION")
        self.session = boto3.Session(region_name=region)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Outputs of the stage's bridge stack; raises CommandError where it isn't deployed."""
        return outputs_of(self.session, self.name)


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
    except (KeyboardInterrupt, typer.Abort):
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
