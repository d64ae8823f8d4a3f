"""The signing secrets that a stage rotates."""

import json
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.database_bridge import DatabaseBridge
from stacks.constructs.function import FunctionDefaults
from stacks.constructs.platform_secrets import PlatformSecrets
from stacks.constructs.rotation import Rotation
from stacks.constructs.source import Sources
from stacks.entries import SIGNING, Entries
from stacks.environment_size import check_environment_size
from stacks.names import entry_name, target_entry
from stacks.settings import Settings

_SOURCE = Path(__file__).parents[1] / "lambda_src" / "rotate_secret"


def make_rotation(  # noqa: PLR0913 - all but two by name
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    sources: Sources,
    defaults: FunctionDefaults,
    entries: Entries,
    bridge: DatabaseBridge,
    platforms: PlatformSecrets | None,
) -> Rotation:
    """Make what rotates signing secrets: the function always, its schedules unless rotation_days is 0.

    Raises:
        SettingsError: more targets than the function's environment holds.
    """
    signing = [SIGNING, *(target_entry(target.name) for target in settings.targets)]
    rotation = Rotation(
        scope,
        construct_id,
        source=sources.python(_SOURCE),
        defaults=defaults,
        environment=_environment(scope, settings, entries, signing, platforms),
    )
    entries.give(rotation.function, ["database"])
    entries.let_rotate(rotation.function, signing)
    if platforms:
        rotation.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"], resources=[platforms.function.function_arn]
            )
        )
    if days := settings.environment.rotation_days:
        for entry in signing:
            rotation.rotate(
                entry,
                secret_name=entry_name(settings.stage, entry),
                secret_arn=entries.arn(entry),
                days=days,
                # Vault has the secrets from then on.
                after=bridge.resource,
            )
    return rotation


def _environment(
    scope: Construct,
    settings: Settings,
    entries: Entries,
    signing: list[str],
    platforms: PlatformSecrets | None,
) -> dict[str, str]:
    environment = {
        "OVERLAP_HOURS": str(settings.environment.rotation_overlap),
        "PLATFORM_TARGETS": json.dumps(list(platforms.resources) if platforms else []),
        **({"SYNC_PLATFORM_FUNCTION": platforms.function.function_name} if platforms else {}),
    }
    check_environment_size(
        environment | entries.variables(signing),
        stack=Stack.of(scope),
        of="rotation",
        remedy="Declare fewer targets, or shorten their names.",
    )
    return environment
