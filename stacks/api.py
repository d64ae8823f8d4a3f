"""The HTTP API: webhooks come in by it, and functions are called."""

import json
from collections.abc import Mapping
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.context import StageContext
from stacks.function import Function
from stacks.log_group import LogGroup

RECEIVER_PATH = "/webhooks/{webhook}"
# What browsers may send to functions, and read of their answers, besides what they always may.
_SENT = ["authorization", "content-type", "idempotency-key", "if-none-match"]
_READ = ["etag", "location", "retry-after"]
_PREFLIGHT_KEPT = Duration.hours(1)

# Neither body nor signature: both would let a reader of logs read rows, or replay them.
_LOGGED = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "sourceIp": "$context.identity.sourceIp",
    "routeKey": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationError": "$context.integrationErrorMessage",
    "gatewayError": "$context.error.message",
}


class Api(Construct):
    """One API, throttled and logged; routes are added to it.

    Attributes:
        api: the HTTP API.
        domain: the custom domain, if there is one.
        url: where it answers, without '/' at its end.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext) -> None:
        """Make it, without routes."""
        super().__init__(scope, construct_id)
        stage = context.stage
        self.api = apigw.HttpApi(
            self,
            "Api",
            api_name=Stack.of(self).stack_name,
            create_default_stage=False,
            cors_preflight=_cors(stage.cors_origins) if stage.cors_origins else None,
        )
        self.domain = self._domain(stage.domain_name, stage.certificate_arn)
        self.url = f"https://{stage.domain_name}" if stage.domain_name else self.api.api_endpoint
        default_stage = apigw.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            detailed_metrics_enabled=True,
            throttle=apigw.ThrottleSettings(rate_limit=stage.throttle_rate, burst_limit=stage.throttle_burst),
            domain_mapping=apigw.DomainMappingOptions(domain_name=self.domain) if self.domain else None,
        )
        self._log_access(default_stage, LogGroup(self, "AccessLogs", context=context))

    def add_receiver(self, function: Function) -> None:
        """Let a function receive webhooks."""
        for route in self.api.add_routes(
            path=RECEIVER_PATH,
            methods=[apigw.HttpMethod.POST],
            integration=self._integration("Receiver", function),
        ):
            acknowledge(
                route,
                "AwsSolutions-APIG4",
                "The receiver verifies the signature over the body, which an authorizer doesn't see.",
            )

    def add_function(
        self,
        name: str,
        function: Function,
        *,
        routes: Mapping[str, tuple[str, ...]],
        authorizer: apigw.IHttpRouteAuthorizer | None,
    ) -> None:
        """Let a function answer routes, "METHOD /path" each, with the roles that it takes; none: anyone."""
        integration = self._integration(name, function)
        for key, roles in routes.items():
            method, _, path = key.partition(" ")
            for route in self.api.add_routes(
                path=path,
                methods=[apigw.HttpMethod[method]],
                integration=integration,
                authorizer=authorizer if roles else None,
            ):
                if not roles:
                    acknowledge(route, "AwsSolutions-APIG4", "bridge.toml opens this route to anyone.")

    def _integration(self, name: str, function: Function) -> apigw.HttpRouteIntegration:
        function.invoked.add_permission(
            "Api",
            principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
            source_arn=self.api.arn_for_execute_api(),
        )
        return _Integration(name, function.invoked)

    def _log_access(self, stage: apigw.HttpStage, group: LogGroup) -> None:
        # The L2 property takes an interface that Python would have to implement for two values.
        cast(
            "apigw.CfnStage", stage.node.default_child
        ).access_log_settings = apigw.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=json.dumps(_LOGGED)
        )

    def _domain(self, domain_name: str | None, certificate_arn: str | None) -> apigw.DomainName | None:
        if domain_name is None or certificate_arn is None:
            return None
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", certificate_arn)
        return apigw.DomainName(self, "Domain", domain_name=domain_name, certificate=certificate)


class _Integration(apigw.HttpRouteIntegration):
    """A function behind routes.

    CDK's own adds a statement to the function's policy for each route; about 44 outgrow what Lambda allows.
    """

    def __init__(self, name: str, function: lambda_.IFunction) -> None:
        super().__init__(name)
        self._function = function

    def bind(
        self,
        *,
        route: apigw.IHttpRoute,  # noqa: ARG002 - all routes are alike
        scope: Construct,  # noqa: ARG002
    ) -> apigw.HttpRouteIntegrationConfig:
        return apigw.HttpRouteIntegrationConfig(
            type=apigw.HttpIntegrationType.AWS_PROXY,
            payload_format_version=apigw.PayloadFormatVersion.VERSION_2_0,
            uri=self._function.function_arn,
        )


def _cors(origins: tuple[str, ...]) -> apigw.CorsPreflightOptions:
    return apigw.CorsPreflightOptions(
        allow_origins=list(origins),
        allow_methods=[apigw.CorsHttpMethod.ANY],
        allow_headers=_SENT,
        expose_headers=_READ,
        max_age=_PREFLIGHT_KEPT,
    )
