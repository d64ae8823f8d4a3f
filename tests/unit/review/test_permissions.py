"""Every IAM statement, in names that a person knows, and what of them is new."""

from __future__ import annotations

from typing import Any

from tests.unit.review.templates import allow, get, policy, resource, stage
from tools.review.grants import CHANGED, NEW, REMOVED, SAME, compared, more
from tools.review.permissions import Statement, statements

ROLE = resource("AWS::IAM::Role", "Role/Resource")
FUNCTION = resource("AWS::Lambda::Function", "Function/Resource", Role=get("Role"))
QUEUE = resource("AWS::SQS::Queue", "Queue/Resource")


def read(**resources: dict[str, Any]) -> list[Statement]:
    return statements(stage(resources))


def own(*each: dict[str, Any]) -> list[Statement]:
    return read(Role=ROLE, Function=FUNCTION, Queue=QUEUE, Policy=policy(*each))


def should_name_the_function_that_runs_with_a_role() -> None:
    [found] = own(allow(["sqs:Send*", "sqs:Get"], get("Queue"), Condition={"Bool": {"aws:X": "true"}}))
    assert found == Statement(
        on="",
        who="bridge/Function",
        effect="Allow",
        actions=("sqs:Get", "sqs:Send*"),
        resources=("bridge/Queue",),
        conditions='{"Bool": {"aws:X": "true"}}',
    )


def should_name_a_role_that_nothing_runs_with() -> None:
    [found] = read(Role=ROLE, Policy=policy(allow("s3:Get", "*")))
    assert found.who == "bridge/Role"


def should_say_what_is_excepted() -> None:
    [found] = own({"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "NotResource": get("Queue")})
    assert (found.actions, found.resources) == (("all but iam:*, s3:*",), ("all but bridge/Queue",))


def should_read_inline_and_managed_policies_and_who_may_take_the_role() -> None:
    role = resource(
        "AWS::IAM::Role",
        "Role/Resource",
        AssumeRolePolicyDocument={
            "Statement": {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com", "AWS": ["1", "2"]},
            }
        },
        Policies=[{"PolicyName": "p", "PolicyDocument": {"Statement": [allow("s3:Get", "*")]}}],
        ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"],
    )
    found = read(Role=role, Function=FUNCTION)
    assert [(each.on, each.who, each.actions[0], each.resources[0]) for each in found] == [
        ("", "bridge/Function", "s3:Get", "*"),
        (
            "",
            "bridge/Function",
            "whatever the managed policy allows",
            "arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        ("bridge/Role", "1, 2, lambda.amazonaws.com", "sts:AssumeRole", "bridge/Role"),
    ]


def should_read_policies_of_resources_wherever_they_are() -> None:
    anyone = {"Effect": "Deny", "Action": "sqs:*", "Principal": {"AWS": "*"}, "Resource": get("Queue")}
    found = read(
        Queue=QUEUE,
        QueuePolicy=resource(
            "AWS::SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument={"Statement": [anyone]}
        ),
        Key=resource(
            "AWS::KMS::Key",
            "Key/Resource",
            KeyPolicy={"Statement": [allow("kms:*", "*", NotPrincipal={"AWS": "123"})]},
        ),
    )
    assert [(each.on, each.who, each.effect) for each in found] == [
        ("bridge/Key", "all but 123", "Allow"),
        ("bridge/Queue", "*", "Deny"),
    ]


def should_read_a_lambda_permission_with_its_sources() -> None:
    permission = resource(
        "AWS::Lambda::Permission",
        FunctionName=get("Function"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=get("Queue"),
        SourceAccount={"Ref": "AWS::AccountId"},
    )
    [found] = read(Function=FUNCTION, Queue=QUEUE, Permission=permission)
    assert (found.on, found.who) == ("bridge/Function", "events.amazonaws.com")
    assert found.conditions == '{"SourceAccount": "…", "SourceArn": "bridge/Queue"}'


def should_not_depend_on_logical_ids_or_order() -> None:
    one = own(allow(["a:B", "a:C"], ["x", "y"]))
    role, function = {**ROLE}, {**FUNCTION, "Properties": {"Role": get("Renamed")}}
    other = read(Renamed=role, Function=function, P=policy(allow(["a:C", "a:B"], ["y", "x"]), role="Renamed"))
    assert one == other


def should_mark_what_is_new_changed_and_removed() -> None:
    base = own(allow("s3:Get", "a"), allow("sqs:Send", ["q1", "q2"]), allow("kms:Sign", "k"))
    head = own(allow("s3:Get", "a"), allow("sqs:Send", ["q1", "q3"]), allow("sns:Publish", "t"))
    rows = {row.statement.actions[0]: row for row in compared(base, head)}
    assert {action: row.mark for action, row in rows.items()} == {
        "s3:Get": SAME,
        "sqs:Send": CHANGED,
        "kms:Sign": REMOVED,
        "sns:Publish": NEW,
    }
    before = rows["sqs:Send"].before
    assert before is not None
    assert before.resources == ("q1", "q2")


def should_count_as_new_only_what_was_not_allowed_before() -> None:
    base = own(allow(["s3:Get", "s3:Put"], "a"))
    head = own(allow(["s3:Get", "s3:Del"], ["a", "b"]))
    found = more(base, head, present=set())
    assert [grant[-2:] for grant in found] == [("s3:Del", "a"), ("s3:Del", "b"), ("s3:Get", "b")]


def should_count_a_condition_that_is_gone() -> None:
    base = own(allow("s3:Get", "a", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    assert len(more(base, own(allow("s3:Get", "a")), present=set())) == 1


def should_count_a_denial_that_is_gone_unless_its_resource_is_too() -> None:
    base = own({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    assert len(more(base, [], present={"bridge/Function"})) == 1
    assert more(base, [], present=set()) == []
    assert more([], base, present={"bridge/Function"}) == []
