"""What is acknowledged, and what synth warns of."""

from __future__ import annotations

from tests.unit.review.templates import NAME, acknowledged, stage
from tools.review.findings import Finding, findings, warnings


def should_list_each_rule_once_a_place() -> None:
    entry = acknowledged("AwsSolutions-IAM5[Resource::*]", "Traces.")
    metadata = {
        f"/{NAME}/B/Role": [{"type": "aws:cdk:logicalId", "data": "X"}, entry, entry],
        f"/{NAME}/A/Role": [entry],
        f"/{NAME}": [acknowledged("Rule", "All of it.")],
    }
    assert findings(stage(metadata=metadata)) == [
        Finding(rule="AwsSolutions-IAM5[Resource::*]", reason="Traces.", place="bridge/A/Role"),
        Finding(rule="AwsSolutions-IAM5[Resource::*]", reason="Traces.", place="bridge/B/Role"),
        Finding(rule="Rule", reason="All of it.", place="bridge"),
    ]


def should_list_warnings() -> None:
    metadata = {f"/{NAME}/A": [{"type": "aws:cdk:warning", "data": "too many"}]}
    assert warnings(stage(metadata=metadata)) == [("bridge/A", "too many")]
