"""Findings of cdk-nag that are accepted, each with its reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept a finding, named `Rule` or `Rule[Finding]`, on one construct and what is below it."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledge_synchronous(function: IConstruct, caller: str) -> None:
    """Accept that a function has no dead-letter queue, because whoever calls it waits for its answer."""
    acknowledge(function, "Serverless-LambdaDLQ", f"Invoked by {caller} only, which learns of a failure.")
