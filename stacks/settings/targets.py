"""Targets outside AWS: addresses that messages are posted to, and the platforms that are kept in step."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from stacks.settings import checks
from stacks.settings.section import Section

# Each part begins with a letter, as in folders' names: OutputsLikeThis stand for one target only.
NAME = r"(?=.{1,24}$)[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*"
_STAGE = "{stage}"
# A name by RFC 1123, or an address of IPv4 or IPv6.
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*|[0-9a-f:.]+")


class CloudflareWorker(Section):
    """The Worker whose secrets the deployment writes."""

    account_id: Annotated[str, checks.matches(r"[0-9a-f]{32}")] = Field(
        description="a Cloudflare account's 32 hexadecimal digits"
    )
    script: Annotated[str, checks.matches(r"(?=.{1,80}$)([a-z0-9]|\{stage\})([a-z0-9_-]|\{stage\})*")] = (
        Field(description="the Worker's name, as wrangler.jsonc has it; {stage} stands for the stage")
    )


class VercelProject(Section):
    """The project whose environment variables the deployment writes."""

    project: Annotated[str, checks.matches(r"(?=.{1,100}$)([A-Za-z0-9_.-]|\{stage\})+")] = Field(
        description="a Vercel project's name or id; {stage} stands for the stage"
    )
    team: Annotated[str, checks.matches(r"team_[A-Za-z0-9]{1,64}")] | None = Field(
        default=None, description="a Vercel team's id, such as team_…; left out, your own account"
    )
    environments: Annotated[
        tuple[Annotated[str, checks.matches(r"production|preview")], ...],
        AfterValidator(checks.not_empty),
        AfterValidator(checks.no_duplicates),
    ] = Field(default=("production",), description='a list of "production", "preview"')
    redeploy: bool = Field(
        default=True, description="true, so that production is built anew with what has changed, or false"
    )


class Target(Section):
    """An address that webhooks are posted to, with a signing secret of its own."""

    name: Annotated[str, checks.matches(NAME), checks.checked(checks.not_the_wake_queue)] = Field(
        description="at most 24 lower-case letters, digits and single '_', a letter after each"
    )
    url: Annotated[str, checks.checked(checks.target_address)] = Field(
        description="an https address; {webhook} stands for the webhook's name, {stage} for the stage"
    )
    timeout: int = Field(default=15, ge=1, le=30, description="1 to 30 (seconds for an answer)")
    fast_path: bool = Field(default=True, description="true, or false: never through pg_net")
    cloudflare: CloudflareWorker | None = Field(
        default=None, description='a table such as { account_id = "…", script = "shop-{stage}" }'
    )
    vercel: VercelProject | None = Field(
        default=None, description='a table such as { project = "shop", team = "team_…" }'
    )

    @model_validator(mode="after")
    def _on_one_platform(self) -> "Target":
        if self.cloudflare and self.vercel:
            raise ValueError("cloudflare and vercel exclude each other; make two targets of them")
        return self

    @property
    def platform(self) -> str | None:
        """The platform whose secrets the deployment writes; None: it writes none."""
        return "cloudflare" if self.cloudflare else "vercel" if self.vercel else None

    @property
    def places(self) -> set[tuple[str, ...]]:
        """Where the deployment writes: a Worker, or a project's environments."""
        if self.cloudflare:
            return {("cloudflare", self.cloudflare.account_id, self.cloudflare.script)}
        if self.vercel:
            project = (self.vercel.team or "", self.vercel.project)
            return {("vercel", *project, environment) for environment in self.vercel.environments}
        return set()

    def of_stage(self, stage: str, urls: Mapping[str, str]) -> "Target":
        """The target as a stage has it: placeholders filled in, its address replaced by the stage's own."""
        changes: dict[str, object] = {"url": urls.get(self.name, self.url).replace(_STAGE, stage)}
        if self.cloudflare:
            script = self.cloudflare.script.replace(_STAGE, stage)
            changes["cloudflare"] = self.cloudflare.model_copy(update={"script": script})
        if self.vercel:
            project = self.vercel.project.replace(_STAGE, stage)
            changes["vercel"] = self.vercel.model_copy(update={"project": project})
        return self.model_copy(update=changes)


def address_problem(url: str, *, allowed_ranges: Iterable[str], plain_http: bool) -> str | None:
    """What keeps a stage from posting to an address; None: nothing that can be seen from here."""
    parts = urlsplit(url)
    if not _HOST.fullmatch(parts.hostname or ""):
        return "its host is none; write an internationalized name in its form of ASCII (xn--…)"
    if parts.scheme == "http" and not plain_http:
        return 'it would send rows unencrypted; use https (http is for stages with layer_platform = "local")'
    try:
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        if re.search(r"(^|\.)localhost$", parts.hostname or "") and not list(allowed_ranges):
            return "it is this machine's own; name its network in the stage's allowed_target_ranges"
        return None
    networks = [ipaddress.ip_network(each) for each in allowed_ranges]
    if address.is_global or any(address in network for network in networks):
        return None
    return "it is not a public one; name its network in the stage's allowed_target_ranges"
