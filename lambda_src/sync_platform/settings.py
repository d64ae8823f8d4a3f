"""The function's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.environment import required, required_json
from sync_platform.targets import Platform, Target

VERCEL_API = "https://api.vercel.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells sync_platform.

    Attributes:
        targets: those that are declared, by name.
        supabase_secret_id: the Secrets Manager entry with "url" and "anon_key".
        token_secret_ids: the entries with "api_token", by platform.
        vercel_url: of Vercel's API. That of Cloudflare's its SDK reads itself, from CLOUDFLARE_BASE_URL.
    """

    targets: Mapping[str, Target]
    supabase_secret_id: str
    token_secret_ids: Mapping[Platform, str]
    vercel_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read TARGETS, SUPABASE_SECRET_ID, CLOUDFLARE_SECRET_ID, VERCEL_SECRET_ID and VERCEL_BASE_URL.

        Raises:
            SettingsError: one of them, but for the last, is missing or malformed.
        """
        declared = [Target.parse(properties) for properties in required_json(environment, "TARGETS", list)]
        return cls(
            targets={target.name: target for target in declared},
            supabase_secret_id=required(environment, "SUPABASE_SECRET_ID"),
            token_secret_ids={
                "cloudflare": required(environment, "CLOUDFLARE_SECRET_ID"),
                "vercel": required(environment, "VERCEL_SECRET_ID"),
            },
            vercel_url=environment.get("VERCEL_BASE_URL") or VERCEL_API,
        )
