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

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_MISSING = "does not exist"


def deployed(stage: str, stacks: Iterable[str], *, region: str | None) -> Assembly:
    """Return the stacks of these names that are there.

    Args:
        stage: its name.
        stacks: their names.
        region: the stage's; None: the one that AWS_REGION or the AWS configuration names.

    Raises:
        ReviewError: none is there, or AWS can't be asked.
    """
    names = list(stacks)
    try:
        client: CloudFormationClient = boto3.client(
            "cloudformation", region_name=region or os.environ.get("AWS_REGION")
        )
        templates = {name: _template(client, name) for name in names}
    except (BotoCoreError, ClientError) as error:
        raise ReviewError(in_words(error)) from error
    found = [Stack(name=name, template=template) for name, template in templates.items() if template]
    if not found:
        raise ReviewError(
            f"nothing of stage {stage} is deployed in {client.meta.region_name}: there is no {names[0]}; "
            "if it is in another region, set AWS_REGION; before the first deployment, give --base a commit"
        )
    return Assembly(stage=stage, stacks=tuple(found), annotated=False)


def _template(client: "CloudFormationClient", name: str) -> dict[str, Any] | None:
    try:
        body = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    except ClientError as error:
        if _MISSING in error.response["Error"]["Message"]:
            return None
        raise
    # botocore reads JSON itself; what is kept as text is read here.
    template: dict[str, Any] = json.loads(body if isinstance(body, str) else json.dumps(body))
    return template
