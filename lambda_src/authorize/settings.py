"""The authorizer's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.environment import required, required_json
from bridge.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells the authorizer.

    Attributes:
        secret_id: the Secrets Manager entry with "url" and "jwt_secret".
        audience: what a user's token must be for.
        issuers: who may have issued it; empty: "url", and that with /auth/v1.
        jwks_url: where the public keys are; empty: below "url".
        routes: roles by API Gateway's route key, such as "GET /orders".
        function: this function's name, in metrics.
        namespace: of its metrics.
    """

    secret_id: str
    audience: str
    issuers: tuple[str, ...]
    jwks_url: str
    routes: Mapping[str, frozenset[str]]
    function: str
    namespace: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read SUPABASE_JWT_SECRET_ID, TOKEN_AUDIENCE, TOKEN_ISSUERS, JWKS_URL, ROUTES and Powertools' own.

        Raises:
            SettingsError: one is missing or malformed.
        """
        routes = required_json(environment, "ROUTES", dict)
        for route, roles in routes.items():
            if not isinstance(roles, list) or not roles or not all(isinstance(role, str) for role in roles):
                raise SettingsError(f'ROUTES: "{route}" must have a list of one or more roles, not {roles!r}')
        return cls(
            secret_id=required(environment, "SUPABASE_JWT_SECRET_ID"),
            audience=required(environment, "TOKEN_AUDIENCE"),
            issuers=tuple(required_json(environment, "TOKEN_ISSUERS", list)),
            jwks_url=environment.get("JWKS_URL", ""),
            routes={route: frozenset(roles) for route, roles in routes.items()},
            function=required(environment, "POWERTOOLS_SERVICE_NAME"),
            namespace=required(environment, "POWERTOOLS_METRICS_NAMESPACE"),
        )
