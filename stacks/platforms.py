"""The targets on Cloudflare and Vercel whose secrets the deployment keeps in step."""

from typing import Any

from aws_cdk import CustomResource
from constructs import Construct

from stacks.context import StageContext
from stacks.function import Function, FunctionProps
from stacks.names import camel_case, entry_name, target_entry
from stacks.provider import Provider, answer_timeout
from stacks.settings import Target

SYNC_TIMEOUT = 300
# What the function puts; a change of these names puts them anew.
_VARIABLES = ["WEBHOOK_SIGNING_SECRET", "SUPABASE_URL", "SUPABASE_ANON_KEY"]


class PlatformSecrets(Construct):
    """What targets on other platforms need to know, put there, changed and taken out with the stack.

    Attributes:
        function: writes a target's secrets; to be invoked as {"target": NAME} after one of them has changed.
        resources: `Custom::PlatformSecrets` by target, each put again when a property changes.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext) -> None:
        """Make it, for the targets that name their place on a platform."""
        super().__init__(scope, construct_id)
        targets = [target for target in context.settings.targets if target.platform]
        placed = {target.name: _properties(target, context.stage_name) for target in targets}
        self.function = Function(
            self,
            "Function",
            context=context,
            props=FunctionProps(
                source=context.bridge_source("sync_platform", tables={"TARGETS": list(placed.values())}),
                description="Puts the secrets of targets where the targets run",
                memory=512,
                timeout=SYNC_TIMEOUT,
                reaches_supabase=False,
            ),
        )
        # Both tokens, whatever is declared: when the last target of a platform goes, its secrets are taken
        # out after the function has changed, with a token that nothing else needs any more.
        context.entries.give(self.function, ["supabase", "cloudflare", "vercel"])
        context.entries.let_read(self.function, [target_entry(name) for name in placed])
        provider = Provider(self, "Provider", function=self.function, context=context)
        self.resources = {
            name: CustomResource(
                self,
                # No target's name makes it the function's or the provider's.
                f"Target{camel_case(name)}",
                resource_type="Custom::PlatformSecrets",
                service_token=provider.service_token,
                service_timeout=answer_timeout(SYNC_TIMEOUT),
                properties=properties,
            )
            for name, properties in placed.items()
        }


def _properties(target: Target, stage_name: str) -> dict[str, Any]:
    """Say what is put where, as the function reads it: text, as CloudFormation would make it.

    Nothing of it changes by itself, so nothing is put without a cause.
    """
    names = {
        "Target": target.name,
        "SecretId": entry_name(stage_name, target_entry(target.name)),
        "Variables": _VARIABLES,
    }
    if target.cloudflare:
        return names | {
            "Platform": "cloudflare",
            "AccountId": target.cloudflare.account_id,
            "Script": target.cloudflare.script,
        }
    if target.vercel:
        return names | {
            "Platform": "vercel",
            "Project": target.vercel.project,
            "Team": target.vercel.team or "",
            "Environments": list(target.vercel.environments),
            "Redeploy": "true" if target.vercel.redeploy else "false",
        }
    raise ValueError(f"{target.name} is on no platform")
