"""A KMS key of the user's, in place of those that AWS services have of their own."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

READ = ("kms:Decrypt",)
# A data key is made, and read again where the service has kept it.
WRITE = ("kms:GenerateDataKey", "kms:Decrypt")


def queue_encryption(key: kms.IKey | None) -> dict[str, Any]:
    """Return the properties of a queue that encrypt what is in it."""
    if key is None:
        return {"encryption": sqs.QueueEncryption.SQS_MANAGED}
    return {"encryption": sqs.QueueEncryption.KMS, "encryption_master_key": key}


def let_use(
    function: lambda_.Function, key: kms.IKey | None, *, service: str, actions: Sequence[str]
) -> None:
    """Let a function use the key, if there is one, by way of one service only: "sqs" or "secretsmanager"."""
    if key is None:
        return
    via = f"{service}.{Stack.of(function).region}.amazonaws.com"
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=list(actions),
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": via}},
        )
    )
