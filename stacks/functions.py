"""The HTTP functions: a folder of functions/ each, and who may call them."""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigw
from constructs import Construct

from stacks.constructs.acknowledge import acknowledge_synchronous
from stacks.constructs.api import Api
from stacks.constructs.authorizer import Authorizer
from stacks.constructs.function import Function, FunctionDefaults
from stacks.constructs.source import Sources
from stacks.entries import Entries
from stacks.names import camel_case
from stacks.settings import Function as FunctionSettings
from stacks.settings import Settings

# Lambda's limit: CreateFunction, Description.
_LONGEST_DESCRIPTION = 256
_AUTHORIZER = Path(__file__).parents[1] / "lambda_src" / "authorize"


class Functions(Construct):
    """All HTTP functions with their routes, in a scope of their own, and the authorizer before them.

    Attributes:
        by_name: the functions.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        sources: Sources,
        defaults: FunctionDefaults,
        entries: Entries,
        api: Api,
    ) -> None:
        """Make them and add their routes to the API."""
        super().__init__(scope, construct_id)
        self._settings = settings
        self._sources = sources
        self._defaults = defaults
        self._entries = entries
        self.by_name = {name: self._make_function(name, each) for name, each in settings.functions.items()}
        authorizer = self._make_authorizer()
        for name, function in self.by_name.items():
            routes = settings.functions[name].routes
            api.add_function(camel_case(name), function.invoked, routes=routes, authorizer=authorizer)

    def _make_function(self, name: str, settings: FunctionSettings) -> Function:
        function = Function(
            # A scope of its own: its role and logs stand beside it.
            Construct(self, camel_case(name)),
            "Function",
            source=self._sources.python(self._settings.code / "functions" / name),
            defaults=self._defaults,
            description=f"Function {name}: {', '.join(settings.routes)}"[:_LONGEST_DESCRIPTION],
            environment={},
            timeout=Duration.seconds(settings.timeout),
            **settings.model_dump(exclude={"routes", "secrets", "timeout"}),
        )
        acknowledge_synchronous(function, "API Gateway")
        self._entries.give(function, settings.secrets)
        return function

    def _make_authorizer(self) -> apigw.IHttpRouteAuthorizer | None:
        routes = {
            route: roles
            for function in self._settings.functions.values()
            for route, roles in function.routes.items()
            if roles
        }
        if not routes:
            return None
        stage = self._settings.environment
        made = Authorizer(
            self,
            # No folder of functions is called so: settings refuse the name "authorize".
            "Authorize",
            source=self._sources.python(_AUTHORIZER),
            defaults=self._defaults,
            routes=routes,
            audience=stage.token_audience,
            issuers=stage.token_issuers,
            jwks_url=stage.jwks_url,
            cache_seconds=stage.token_cache,
        )
        self._entries.give(made.function, ["supabase-jwt"])
        return made.authorizer
