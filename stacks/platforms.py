"""The targets on Cloudflare and Vercel whose secrets the deployment keeps in step."""

from pathlib import Path

from constructs import Construct

from stacks.constructs.function import FunctionDefaults
from stacks.constructs.platform_secrets import PlatformSecrets, PlatformTarget, ProjectPlace, WorkerPlace
from stacks.constructs.source import Sources
from stacks.entries import Entries
from stacks.names import entry_name, target_entry
from stacks.settings import Settings, Target

_SOURCE = Path(__file__).parents[1] / "lambda_src" / "sync_platform"


def make_platform_secrets(  # noqa: PLR0913 - all but two by name
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    sources: Sources,
    defaults: FunctionDefaults,
    entries: Entries,
) -> PlatformSecrets | None:
    """Make what writes secrets on other platforms; None where no target names its place there."""
    places = {target.name: place for target in settings.targets if (place := _place(target))}
    if not places:
        return None
    platforms = PlatformSecrets(
        scope,
        construct_id,
        source=sources.python(_SOURCE),
        defaults=defaults,
        targets=[
            PlatformTarget(name=name, secret_name=entry_name(settings.stage, target_entry(name)), place=place)
            for name, place in places.items()
        ],
        environment={},
    )
    # Both tokens, whatever is declared: one is needed once more when its platform's last target goes.
    entries.give(platforms.function, ["supabase", "cloudflare", "vercel", *map(target_entry, places)])
    return platforms


def _place(target: Target) -> WorkerPlace | ProjectPlace | None:
    if target.cloudflare:
        return WorkerPlace(account_id=target.cloudflare.account_id, script=target.cloudflare.script)
    if target.vercel:
        return ProjectPlace(
            project=target.vercel.project,
            team=target.vercel.team,
            environments=target.vercel.environments,
            redeploy=target.vercel.redeploy,
        )
    return None
