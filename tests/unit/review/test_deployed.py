"""What is deployed, asked of a CloudFormation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.unit.review.templates import NAME, resource, stage
from tools.review.changes import Kind, changes
from tools.review.deployed import deployed
from tools.review.errors import ReviewError

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = resource("AWS::SQS::Queue", "Queue/Resource", VisibilityTimeout=30)


@pytest.fixture
def stack(aws: None) -> Iterator[str]:  # noqa: ARG001
    client = boto3.client("cloudformation")
    client.create_stack(StackName=NAME, TemplateBody=json.dumps({"Resources": {"Queue": QUEUE}}))
    client.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    yield NAME
    client.delete_stack(StackName=NAME)


def should_compare_with_the_deployed_template(stack: str) -> None:
    base, title = deployed("test", [stack, "external-compute-test-monitoring"], region="us-east-1")
    assert title == "what is deployed"
    assert [each.name for each in base.stacks] == [stack]
    assert (base.annotated, base.sql) == (False, None)
    after = {"Queue": resource("AWS::SQS::Queue", "Queue/Resource", VisibilityTimeout=60)}
    [change] = changes(base, stage(after))
    assert (change.kind, change.properties) == (Kind.CHANGED, ("VisibilityTimeout: 30 → 60",))


def should_say_where_nothing_is_deployed(aws: None) -> None:  # noqa: ARG001
    base, title = deployed("test", ["external-compute-test-gone"], region="us-east-1")
    assert base.stacks == ()
    assert title == "nothing: stage test is not in us-east-1"


def should_want_a_region(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ReviewError, match="no AWS region found; set AWS_REGION"):
        deployed("test", [NAME], region=None)
