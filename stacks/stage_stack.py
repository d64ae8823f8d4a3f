"""What all stacks of a stage have in common: where they are, and what protects them."""

from aws_cdk import PermissionsBoundary, Stack, Tags
from constructs import Construct

from stacks.settings import Settings


class StageStack(Stack):
    """A stack in the stage's account and region, with its tags, permissions boundary and protection."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, holds: str = "") -> None:
        """Make it, empty.

        Args:
            scope: the app.
            construct_id: its name.
            settings: the stage's.
            holds: what is in it, for its description; "": all that works.
        """
        stage = settings.stage
        described = f"External compute for Supabase, stage {settings.stage_name}"
        boundary = stage.permissions_boundary
        super().__init__(
            scope,
            construct_id,
            env={"account": stage.account, "region": stage.region},
            description=f"{described}: {holds}" if holds else described,
            termination_protection=stage.termination_protection,
            permissions_boundary=PermissionsBoundary.from_arn(boundary) if boundary else None,
        )
        tags = {"project": "external-compute", "stage": settings.stage_name, **stage.tags}
        for name, value in tags.items():
            Tags.of(self).add(name, value)
