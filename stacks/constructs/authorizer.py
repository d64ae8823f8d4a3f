"""Who is calling: the authorizer of users' tokens."""

import json
from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge_synchronous
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.source import Source
from stacks.environment_size import check_environment_size


class Authorizer(Construct):
    """Verifies a user's token and lets his role through to the routes that take it.

    Attributes:
        function: verifies.
        authorizer: for routes of an HTTP API.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        defaults: FunctionDefaults,
        routes: Mapping[str, tuple[str, ...]],
        audience: str,
        issuers: tuple[str, ...],
        jwks_url: str | None,
        cache_seconds: int,
    ) -> None:
        """Make it; `routes` are roles by route, `cache_seconds` how long API Gateway keeps a verdict."""
        super().__init__(scope, construct_id)
        environment = {
            "ROUTES": json.dumps(routes, separators=(",", ":")),
            "TOKEN_AUDIENCE": audience,
            "TOKEN_ISSUERS": json.dumps(issuers),
            "JWKS_URL": jwks_url or "",
        }
        check_environment_size(
            environment, stack=Stack.of(self), of="authorizer", remedy="Declare fewer routes with roles."
        )
        self.function = Function(
            self,
            "Function",
            source=source,
            defaults=defaults,
            description="Verifies users' tokens for the HTTP functions",
            environment=environment,
            memory=512,
            timeout=Duration.seconds(10),
        )
        acknowledge_synchronous(self.function, "API Gateway")
        self.authorizer = authorizers.HttpLambdaAuthorizer(
            "Authorizer",
            self.function,
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            # The verdict depends on the route too: without it in the key, one route's would serve another.
            identity_source=["$request.header.Authorization", "$context.routeKey"],
            results_cache_ttl=Duration.seconds(cache_seconds),
        )
