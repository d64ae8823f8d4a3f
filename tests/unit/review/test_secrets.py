"""Entries, and who reads and writes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.review.templates import allow, get, policy, resource, secret_arn, stage
from tools.review.permissions import statements
from tools.review.secrets import Entry, entries, readers

GET = "secretsmanager:GetSecretValue"
SECRET = resource("AWS::SecretsManager::Secret", "Database/Resource", Name="x/database", Description="Pooled")
ROLE = resource("AWS::IAM::Role", "Role/Resource")


def only(*each: dict[str, Any], **resources: dict[str, Any]) -> Entry:
    given = stage({"Role": ROLE, "Secret": SECRET, "Policy": policy(*each), **resources})
    [entry] = entries(given, statements(given))
    return entry


@pytest.mark.parametrize(
    ("action", "on", "reads"),
    [
        (GET, secret_arn("x/database-??????"), True),
        (GET, secret_arn("x/database-*"), True),
        (GET, secret_arn("x/*"), True),
        (GET, "*", True),
        (GET, {"Ref": "Secret"}, True),
        ("secretsmanager:*", {"Ref": "Secret"}, True),
        ("SecretsManager:getsecretvalue", {"Ref": "Secret"}, True),
        ("*", "*", True),
        (GET, secret_arn("x/data-??????"), False),
        (GET, secret_arn("x/database-direct-??????"), False),
        (GET, secret_arn("x/database"), True),
        ("secretsmanager:DescribeSecret", "*", False),
        ("ssm:GetParameter", "*", False),
    ],
)
def should_tell_readers_by_what_their_statements_match(action: str, on: Any, *, reads: bool) -> None:
    assert only(allow(action, on)).readers == (("bridge/Role",) if reads else ())


def should_not_let_a_longer_name_be_read_by_a_shorter_ones_pattern() -> None:
    direct = resource("AWS::SecretsManager::Secret", "Direct/Resource", Name="x/database-direct")
    given = stage(
        {"Role": ROLE, "Direct": direct, "Policy": policy(allow(GET, secret_arn("x/database-??????")))}
    )
    [entry] = entries(given, statements(given))
    assert entry.readers == ()


def should_count_all_but_others_as_reading() -> None:
    statement = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}
    assert only(statement).readers == ("bridge/Role",)


def should_not_count_a_denial() -> None:
    assert only({"Effect": "Deny", "Action": GET, "Resource": "*"}).readers == ()


def should_tell_writers_apart() -> None:
    entry = only(allow("secretsmanager:PutSecretValue", secret_arn("x/database-??????")))
    assert (entry.readers, entry.writers) == ((), ("bridge/Role",))


def should_read_its_own_policy_and_not_that_of_others() -> None:
    def resource_policy(secret: str) -> dict[str, Any]:
        statement = allow(GET, "*", Principal={"AWS": "123456789012"})
        return resource(
            "AWS::SecretsManager::ResourcePolicy",
            SecretId={"Ref": secret},
            ResourcePolicy={"Statement": [statement]},
        )

    assert only(P=resource_policy("Secret")).readers == ("123456789012",)
    assert only(P=resource_policy("Other"), Other=ROLE).readers == ()


def should_say_who_fills_and_rotates_it() -> None:
    rotation = resource(
        "AWS::SecretsManager::RotationSchedule",
        SecretId="x/database",
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    assert only().filled == "by hand"
    assert only(R=rotation).filled == "by hand, rotated every 30 days"
    generated = {**SECRET, "Properties": {"Name": "x/database", "GenerateSecretString": {}}}
    assert only(Secret=generated).filled == "generated"


def should_pair_entries_with_readers() -> None:
    assert readers([only(allow(GET, get("Secret", "Id")), allow(GET, {"Ref": "Secret"}))]) == {
        ("x/database", "bridge/Role")
    }
