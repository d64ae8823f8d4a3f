"""The HTTP functions: a folder of functions/ each, and who may call them."""

from aws_cdk import Annotations, Duration
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from constructs import Construct

from stacks.acknowledge import acknowledge_synchronous
from stacks.api import Api
from stacks.context import StageContext
from stacks.function import Function, FunctionProps
from stacks.names import camel_case

# Amazon API Gateway developer guide, "Quotas for configuring and running an HTTP API".
QUOTA = 300
# Lambda's limit: CreateFunction, Description.
_LONGEST_DESCRIPTION = 256


class Functions(Construct):
    """All HTTP functions with their routes, in a scope of their own, and the authorizer before them.

    Attributes:
        by_name: the functions.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext, api: Api) -> None:
        """Make them and add their routes to the API."""
        super().__init__(scope, construct_id)
        declared = context.settings.functions
        routes = sum(len(function.routes) for function in declared.values())
        if max(routes, len(declared)) >= QUOTA:
            Annotations.of(self).add_warning_v2(
                "external-compute:routes",
                f"{len(declared)} functions have {routes} routes; API Gateway allows {QUOTA} routes and"
                " integrations, the bridge's own included, unless you ask AWS for more: Service Quotas,"
                ' Amazon API Gateway, "Routes per API" and "Integrations per API"',
            )
        self.by_name = {name: self._make_function(name, context) for name in declared}
        roles = {
            route: roles
            for function in declared.values()
            for route, roles in function.routes.items()
            if roles
        }
        # No folder of functions is called so: settings refuse the name "authorize".
        authorizer = Authorizer(self, "Authorize", context=context, roles=roles) if roles else None
        for name, function in self.by_name.items():
            api.add_function(
                camel_case(name),
                function,
                routes=declared[name].routes,
                authorizer=authorizer.authorizer if authorizer else None,
            )

    def _make_function(self, name: str, context: StageContext) -> Function:
        settings = context.settings.functions[name]
        function = Function(
            # A scope of its own: its role and logs stand beside it.
            context.layout.home(Construct(self, camel_case(name)), "Function", name),
            "Function",
            context=context,
            props=FunctionProps(
                source=context.sources.python(context.function_folder(name)),
                description=f"Function {name}: {', '.join(settings.routes)}"[:_LONGEST_DESCRIPTION],
                **settings.model_dump(exclude={"routes", "secrets"}),
            ),
        )
        acknowledge_synchronous(function, "API Gateway")
        context.entries.give(function, settings.secrets)
        return function


class Authorizer(Construct):
    """Verifies a user's token and lets its role through to the routes that take it.

    Attributes:
        authorizer: for routes of an HTTP API.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        context: StageContext,
        roles: dict[str, tuple[str, ...]],
    ) -> None:
        """Make it; `roles` by route."""
        super().__init__(scope, construct_id)
        stage = context.stage
        tables = {"ROUTES": roles, "TOKEN_ISSUERS": stage.token_issuers}
        function = Function(
            self,
            "Function",
            context=context,
            props=FunctionProps(
                source=context.bridge_source("authorize", tables=tables),
                description="Verifies users' tokens for the HTTP functions",
                environment={"TOKEN_AUDIENCE": stage.token_audience, "JWKS_URL": stage.jwks_url or ""},
                memory=512,
                timeout=10,
            ),
        )
        acknowledge_synchronous(function, "API Gateway")
        context.entries.give(function, ["supabase-jwt"])
        self.authorizer = authorizers.HttpLambdaAuthorizer(
            "Authorizer",
            function,
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            # The verdict depends on the route too: without it in the key, one route's would serve another.
            identity_source=["$request.header.Authorization", "$context.routeKey"],
            # How long API Gateway keeps a verdict.
            results_cache_ttl=Duration.seconds(stage.token_cache),
        )
