"""Targets on other platforms: where their secrets are put, and from which entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

Platform = Literal["cloudflare", "vercel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A Cloudflare Worker."""

    account_id: str
    script: str

    @property
    def platform(self) -> Platform:
        return "cloudflare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Vercel project.

    Attributes:
        project: its name or id.
        team: its team's id; "": the token's own account.
        environments: that get the variables: "production", "preview".
        redeploy: whether to build the production deployment anew, so that it has them.
    """

    project: str
    team: str
    environments: tuple[str, ...]
    redeploy: bool

    @property
    def platform(self) -> Platform:
        return "vercel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target whose secrets are kept in step.

    Attributes:
        name: as bridge.toml has it.
        secret_id: the Secrets Manager entry with its signing secrets, "current" and "previous".
        variables: what is put.
        place: where.
    """

    name: str
    secret_id: str
    variables: tuple[str, ...]
    place: Worker | Project

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> Self:
        """Read the properties of `Custom::PlatformSecrets`, all of them text or lists of text.

        A missing one raises KeyError with its name.
        """
        return cls(
            name=properties["Target"],
            secret_id=properties["SecretId"],
            variables=tuple(properties["Variables"]),
            place=_place(properties),
        )

    def shares_place(self, other: "Target") -> bool:
        """Whether both are the same Worker, or in the same project."""
        return _identity(self.place) == _identity(other.place)


def _place(properties: Mapping[str, Any]) -> Worker | Project:
    if properties["Platform"] == "cloudflare":
        return Worker(account_id=properties["AccountId"], script=properties["Script"])
    if properties["Platform"] == "vercel":
        return Project(
            project=properties["Project"],
            team=properties["Team"],
            environments=tuple(properties["Environments"]),
            redeploy=properties["Redeploy"] == "true",
        )
    raise ValueError(f'no such platform: "{properties["Platform"]}"')


def _identity(place: Worker | Project) -> tuple[str, str, str]:
    if isinstance(place, Worker):
        return place.platform, place.account_id, place.script
    return place.platform, place.team, place.project
