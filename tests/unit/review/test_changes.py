"""What a deployment would do to each resource."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.review.templates import get, resource, stage
from tools.review.changes import Change, Kind, changes

QUEUE = resource("AWS::SQS::Queue", "Queue/Resource", QueueName="q", VisibilityTimeout=30)


def function(code: str = "1", **properties: Any) -> dict[str, Any]:
    code_of = {"S3Bucket": {"Fn::Sub": "b-${AWS::Region}"}, "S3Key": f"{code}.zip"}
    return resource("AWS::Lambda::Function", "Function/Resource", Code=code_of, **properties)


def compared(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return changes(stage(before), stage(after))


def only(before: dict[str, Any], after: dict[str, Any]) -> Change:
    [change] = compared({"Id": before}, {"Id": after})
    return change


def should_find_nothing_where_only_metadata_and_order_differ() -> None:
    after = {**QUEUE, "DependsOn": ["Other"], "Metadata": {"aws:cdk:path": "elsewhere/Queue"}}
    assert compared({"Id": QUEUE}, {"Id": after}) == []


def should_tell_added_from_removed_and_say_what_stays() -> None:
    kept = {**QUEUE, "DeletionPolicy": "RetainExceptOnCreate"}
    found = compared({"Old": kept, "Gone": function()}, {"New": resource("AWS::SNS::Topic", "Topic")})
    assert [(each.kind, each.place, each.kept) for each in found] == [
        (Kind.REMOVED, "bridge/Function", "Delete"),
        (Kind.REMOVED, "bridge/Queue", "RetainExceptOnCreate"),
        (Kind.ADDED, "bridge/Topic", ""),
    ]


def should_name_the_properties_with_short_values() -> None:
    before = function(MemorySize=256, Environment={"Variables": {"A.B": "1", "GONE": "x", "LONG": "x" * 61}})
    after = function(MemorySize=512, Environment={"Variables": {"A.B": "2", "NEW": "y", "LONG": "y" * 61}})
    change = only(before, after)
    assert change.kind is Kind.CHANGED
    assert change.properties == (
        "Environment.Variables.A.B: 1 → 2",
        "Environment.Variables.GONE: taken out",
        "Environment.Variables.LONG",
        "Environment.Variables.NEW: set to y",
        "MemorySize: 256 → 512",
    )


def should_show_new_code_as_such() -> None:
    change = only(function("1"), function("2"))
    assert (change.kind, change.properties) == (Kind.CODE, ("its code",))


def should_not_call_it_code_when_more_changes() -> None:
    change = only(function("1", Timeout=1), function("2", Timeout=2))
    assert (change.kind, change.properties) == (Kind.CHANGED, ("its code", "Timeout: 1 → 2"))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (QUEUE, {**QUEUE, "Properties": {"QueueName": "other"}}, Kind.REPLACED),
        (function(FunctionName="a"), function(FunctionName="b"), Kind.REPLACED),
        (
            resource("AWS::Events::Rule", EventBusName="a"),
            resource("AWS::Events::Rule", EventBusName="b"),
            Kind.MAY,
        ),
        (
            resource("Custom::Thing", ServiceToken="a"),
            resource("Custom::Thing", ServiceToken="b"),
            Kind.REPLACED,
        ),
        (resource("Custom::Thing", Other="a"), resource("Custom::Thing", Other="b"), Kind.CHANGED),
        (resource("Unheard::Of::Type", Name="a"), resource("Unheard::Of::Type", Name="b"), Kind.CHANGED),
        (QUEUE, resource("AWS::SNS::Topic", "Queue/Resource"), Kind.REPLACED),
    ],
)
def should_replace_what_cant_change_in_place(
    before: dict[str, Any], after: dict[str, Any], kind: Kind
) -> None:
    assert only(before, after).kind is kind


def should_see_that_a_deletion_policy_changes() -> None:
    change = only(QUEUE, {**QUEUE, "DeletionPolicy": "Retain"})
    assert (change.kind, change.properties) == (Kind.CHANGED, ("DeletionPolicy: set to Retain",))


def should_replace_what_has_another_logical_id_at_the_same_place() -> None:
    [change] = compared({"QueueA": QUEUE}, {"QueueB": QUEUE})
    assert (change.kind, change.properties) == (Kind.REPLACED, ("its logical id",))


def should_show_a_new_version_and_its_alias_as_code() -> None:
    def of(code: str) -> dict[str, Any]:
        version = f"Version{code}"
        path = "Function/CurrentVersion/Resource"
        return {
            "Function": function(code),
            version: resource("AWS::Lambda::Version", path, FunctionName={"Ref": "Function"}),
            "Live": resource("AWS::Lambda::Alias", "Live/Resource", FunctionVersion=get(version, "Version")),
        }

    found = compared(of("1"), of("2"))
    assert {each.place: each.kind for each in found} == {
        "bridge/Function": Kind.CODE,
        "bridge/Function/CurrentVersion": Kind.PUBLISHED,
        "bridge/Live": Kind.CODE,
    }


def should_change_and_replace_what_follows_something_replaced() -> None:
    def of(name: str) -> dict[str, Any]:
        return {
            "Queue": resource("AWS::SQS::Queue", "Queue/Resource", QueueName=name),
            "Function": function(Environment={"Variables": {"URL": {"Ref": "Queue"}}}),
            "Permission": resource("AWS::Lambda::Permission", "Permission", SourceArn=get("Queue")),
            "After": resource("AWS::SNS::Topic", "After", DisplayName={"Ref": "Permission"}),
            "Apart": resource("AWS::SNS::Topic", "Apart"),
        }

    found = {each.place: each for each in compared(of("a"), of("b"))}
    assert {place: each.kind for place, each in found.items()} == {
        "bridge/Queue": Kind.REPLACED,
        "bridge/Function": Kind.CHANGED,
        "bridge/Permission": Kind.REPLACED,
        "bridge/After": Kind.CHANGED,
    }
    assert found["bridge/After"].properties == ("DisplayName follows bridge/Permission",)


def should_end_where_resources_refer_to_each_other() -> None:
    def of(name: str) -> dict[str, Any]:
        return {
            "A": resource("AWS::SQS::Queue", "A", QueueName=name, RedrivePolicy={"t": get("B")}),
            "B": resource("AWS::SQS::Queue", "B", QueueName={"Fn::Sub": "${A}-dead"}),
        }

    assert [each.kind for each in compared(of("a"), of("b"))] == [Kind.REPLACED, Kind.REPLACED]


def should_compare_a_list_of_another_length_as_a_whole() -> None:
    change = only(function(Layers=["a"]), function(Layers=["a", "b"]))
    assert change.properties == ('Layers: ["a"] → ["a", "b"]',)


def should_list_a_stack_that_is_gone_and_one_that_is_new() -> None:
    base = stage({"Id": QUEUE})
    head = stage({})
    assert [each.kind for each in changes(base, head)] == [Kind.REMOVED]
    assert [each.kind for each in changes(head, base)] == [Kind.ADDED]
