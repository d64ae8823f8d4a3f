"""What becomes of secrets and logs when they leave a stack."""

from aws_cdk import RemovalPolicy

from stacks.settings import Stage


def removal_policy(stage: Stage) -> RemovalPolicy:
    """As the stage's setting says."""
    if stage.removal == "destroy":
        return RemovalPolicy.DESTROY
    # But not what a failed first deployment leaves: it would be in the way of the next.
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
