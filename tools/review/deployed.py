"""What is deployed of a stage: its templates as CloudFormation keeps them."""

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.cli.stage import in_words
from tools.review.assembly import Assembly, Stack
from tools.review.errors import ReviewError
from tools.review.nesting import flattened

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_MISSING = "does not exist"


def deployed(stage: str, stacks: Iterable[str], *, region: str | None) -> tuple[Assembly, str]:
    """Return the stacks of these names that are there, and a title that says where there is none.

    Args:
        stage: its name.
        stacks: their names.
        region: the stage's; None: the one that AWS_REGION or the AWS configuration names.

    Raises:
        ReviewError: AWS can't be asked.
    """
    try:
        client: CloudFormationClient = boto3.client(
            "cloudformation", region_name=region or os.environ.get("AWS_REGION")
        )
        templates = {name: _template(client, name) for name in stacks}
    except (BotoCoreError, ClientError) as error:
        raise ReviewError(in_words(error)) from error
    found = [Stack(name=name, template=template) for name, template in templates.items() if template]
    title = "what is deployed" if found else f"nothing: stage {stage} is not in {client.meta.region_name}"
    return Assembly(stage=stage, stacks=tuple(found), annotated=False), title


def _template(client: "CloudFormationClient", name: str) -> dict[str, Any] | None:
    template = _own_template(client, name)
    if template is None:
        return None

    def read(logical_id: str, _: object) -> dict[str, Any]:
        [resource] = client.describe_stack_resources(StackName=name, LogicalResourceId=logical_id)[
            "StackResources"
        ]
        return _own_template(client, resource["PhysicalResourceId"]) or {}

    return flattened(template, read)


def _own_template(client: "CloudFormationClient", name: str) -> dict[str, Any] | None:
    """A template without those of nested stacks."""
    try:
        body = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    except ClientError as error:
        if _MISSING in error.response["Error"]["Message"]:
            return None
        raise
    # botocore reads JSON itself; what is kept as text is read here.
    template: dict[str, Any] = json.loads(body if isinstance(body, str) else json.dumps(body))
    return template
