"""The secrets of targets on other platforms, as custom resources."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import CustomResource, Duration, Stack
from constructs import Construct

from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.provider import Provider, answer_timeout
from stacks.constructs.source import Source
from stacks.environment_size import check_environment_size
from stacks.names import camel_case

SYNC_TIMEOUT = Duration.minutes(5)
# What the function puts; a change of these names puts them anew.
_VARIABLES = ["WEBHOOK_SIGNING_SECRET", "SUPABASE_URL", "SUPABASE_ANON_KEY"]


@dataclass(frozen=True, kw_only=True)
class WorkerPlace:
    """A Cloudflare Worker."""

    account_id: str
    script: str

    @property
    def properties(self) -> dict[str, Any]:
        """As the function reads them."""
        return {"Platform": "cloudflare", "AccountId": self.account_id, "Script": self.script}


@dataclass(frozen=True, kw_only=True)
class ProjectPlace:
    """A Vercel project.

    Attributes:
        project: its name or id.
        team: its team's id, or None.
        environments: that get the variables.
        redeploy: whether to build the production deployment anew, so that it has them.
    """

    project: str
    team: str | None
    environments: Sequence[str]
    redeploy: bool

    @property
    def properties(self) -> dict[str, Any]:
        """As the function reads them: text, as CloudFormation would make it."""
        return {
            "Platform": "vercel",
            "Project": self.project,
            "Team": self.team or "",
            "Environments": list(self.environments),
            "Redeploy": "true" if self.redeploy else "false",
        }


@dataclass(frozen=True, kw_only=True)
class PlatformTarget:
    """A target that is kept in step; `secret_name` is of the entry with its signing secret."""

    name: str
    secret_name: str
    place: WorkerPlace | ProjectPlace

    @property
    def properties(self) -> dict[str, Any]:
        """What is put where: nothing of it changes by itself, so nothing is put without a cause."""
        names = {"Target": self.name, "SecretId": self.secret_name, "Variables": _VARIABLES}
        return names | self.place.properties


class PlatformSecrets(Construct):
    """What targets on other platforms need to know, put there, changed and taken out with the stack.

    The function must be let read the entries "supabase", "cloudflare" and "vercel", and those of the targets.
    Both platforms' at all times: when the last target of one goes, its secrets are taken out after the
    function has changed, with a token that nothing else needs any more.

    Attributes:
        function: writes a target's secrets; to be invoked as {"target": NAME} after one of them has changed.
        resources: `Custom::PlatformSecrets` by target, each put again when a property changes.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        defaults: FunctionDefaults,
        targets: Sequence[PlatformTarget],
        environment: Mapping[str, str],
    ) -> None:
        """Make it.

        Args:
            scope: the stack.
            construct_id: within the scope.
            source: the function's.
            defaults: the stage's.
            targets: what is kept in step.
            environment: the function's, besides: CLOUDFLARE_BASE_URL, VERCEL_BASE_URL where they are others.

        Raises:
            SettingsError: more targets than the function's environment holds.
        """
        super().__init__(scope, construct_id)
        variables = {
            "TARGETS": json.dumps([target.properties for target in targets], separators=(",", ":")),
            **environment,
        }
        # Each entry that the function is let read is named to it in one more.
        entries = {f"{target.name}_TARGET_SECRET_ID": target.secret_name for target in targets}
        check_environment_size(
            {**variables, **entries},
            stack=Stack.of(self),
            of="function that keeps platforms in step",
            remedy="Keep fewer targets in step with cloudflare and vercel.",
        )
        self.function = Function(
            self,
            "Function",
            source=source,
            defaults=defaults,
            description="Puts the secrets of targets where the targets run",
            environment=variables,
            memory=512,
            timeout=SYNC_TIMEOUT,
            reaches_supabase=False,
        )
        provider = Provider(self, "Provider", function=self.function, defaults=defaults)
        self.resources = {
            target.name: CustomResource(
                self,
                # No target's name makes it the function's or the provider's.
                f"Target{camel_case(target.name)}",
                resource_type="Custom::PlatformSecrets",
                service_token=provider.service_token,
                service_timeout=answer_timeout(SYNC_TIMEOUT),
                properties=target.properties,
            )
            for target in targets
        }
