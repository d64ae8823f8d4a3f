"""Every way into a stage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.review.templates import NAME, acknowledged, get, resource, stage
from tools.review.entrances import Entrance, entrances
from tools.review.permissions import statements

REASON = "The receiver verifies the signature."


def route(key: str, **properties: Any) -> dict[str, Any]:
    target = {"Fn::Join": ["", ["integrations/", {"Ref": "Integration"}]]}
    return resource(
        "AWS::ApiGatewayV2::Route", f"Api/{key}/Resource", RouteKey=key, Target=target, **properties
    )


def function(path: str, **variables: str) -> dict[str, Any]:
    return resource("AWS::Lambda::Function", f"{path}/Resource", Environment={"Variables": variables})


RESOURCES = {
    "Orders": function("Orders", ALLOWED_SOURCE_RANGES='["10.0.0.0/8", "192.0.2.1/32"]'),
    "Live": resource("AWS::Lambda::Alias", "Orders/Live/Resource", FunctionName={"Ref": "Orders"}),
    "Integration": resource("AWS::ApiGatewayV2::Integration", IntegrationUri={"Ref": "Live"}),
    "Authorize": function("Authorize", ROUTES='{"GET /orders": ["authenticated", "service_role"]}'),
    "Authorizer": resource(
        "AWS::ApiGatewayV2::Authorizer",
        "Authorizer/Resource",
        AuthorizerUri={"Fn::Join": ["", ["arn:", get("Authorize"), "/invocations"]]},
    ),
    "Jwt": resource("AWS::ApiGatewayV2::Authorizer", JwtConfiguration={"Issuer": "https://issuer.example"}),
}
CUSTOM = {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Authorizer"}}


def found(metadata: dict[str, Any] | None = None, **resources: dict[str, Any]) -> list[Entrance]:
    given = stage({**RESOURCES, **resources}, metadata=metadata)
    return entrances(given, statements(given))


def should_follow_a_route_to_its_function_by_the_alias() -> None:
    [entrance] = found(Route=route("GET /orders", **CUSTOM))
    assert entrance == Entrance(
        kind="route",
        what="GET /orders",
        leads_to="bridge/Orders",
        authorization="bridge/Authorize, roles: authenticated, service_role",
        sources="10.0.0.0/8, 192.0.2.1/32",
    )
    assert not entrance.open


@pytest.mark.parametrize(
    ("properties", "authorization"),
    [
        ({}, "open to anyone"),
        ({"AuthorizationType": "NONE"}, "open to anyone"),
        ({"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "Jwt"}}, "JWT of https://issuer.example"),
        (CUSTOM, "bridge/Authorize"),
    ],
)
def should_say_who_is_let_in(properties: dict[str, Any], authorization: str) -> None:
    [entrance] = found(Route=route("POST /other", **properties))
    assert entrance.authorization == authorization
    assert entrance.open is authorization.startswith("open")


def should_give_the_acknowledged_reason_of_a_route_or_what_it_is_in() -> None:
    metadata = {f"/{NAME}/Api": [acknowledged("AwsSolutions-APIG4", REASON)]}
    [entrance] = found(metadata, Route=route("POST /webhooks/{webhook}"))
    assert (entrance.authorization, entrance.reason) == ("open to anyone", REASON)


def should_not_take_another_rules_reason() -> None:
    metadata = {f"/{NAME}/Api": [acknowledged("AwsSolutions-APIG1", REASON)]}
    [entrance] = found(metadata, Route=route("POST /x"))
    assert entrance.reason == ""


def should_be_the_same_entrance_though_what_is_deployed_doesnt_tell_the_reason() -> None:
    metadata = {f"/{NAME}/Api": [acknowledged("AwsSolutions-APIG4", REASON)]}
    assert found(metadata, Route=route("POST /x")) == found(Route=route("POST /x"))


def should_find_policies_that_let_anyone_in() -> None:
    def queue_policy(effect: str, principal: Any, **more: Any) -> dict[str, Any]:
        statement = {"Effect": effect, "Action": "sqs:SendMessage", "Principal": principal, **more}
        return resource("AWS::SQS::QueuePolicy", Queues=["q"], PolicyDocument={"Statement": [statement]})

    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    every = found(
        Open=queue_policy("Allow", {"AWS": ["*", "123"]}),
        Narrow=queue_policy("Allow", "*", Condition=condition),
        Denied=queue_policy("Deny", "*"),
        Known=queue_policy("Allow", {"AWS": "123"}),
    )
    assert [(each.what, each.authorization) for each in every] == [
        ("sqs:SendMessage on q", "open to *, 123"),
        ("sqs:SendMessage on q", 'open to anyone, if {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}'),
    ]


def should_find_function_urls_domains_and_load_balancers() -> None:
    balancer = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    every = found(
        Url=resource("AWS::Lambda::Url", AuthType="NONE", TargetFunctionArn=get("Orders")),
        Closed=resource("AWS::Lambda::Url", AuthType="AWS_IAM", TargetFunctionArn=get("Authorize")),
        Domain=resource("AWS::ApiGatewayV2::DomainName", DomainName="api.example.com"),
        Mapping=resource("AWS::ApiGatewayV2::ApiMapping", ApiId="api", DomainName={"Ref": "Domain"}),
        Balancer=resource(balancer, "Balancer/Resource"),
        Inner=resource(balancer, "Inner/Resource", Scheme="internal"),
    )
    assert [(each.kind, each.what, each.open) for each in every] == [
        ("custom domain", "api.example.com", False),
        ("function URL", "bridge/Authorize", False),
        ("function URL", "bridge/Orders", True),
        ("load balancer", "bridge/Balancer", False),
    ]
    assert every[0].leads_to == "api"


def should_sort_routes_by_their_path() -> None:
    every = found(A=route("POST /b"), B=route("GET /c"), C=route("GET /b"), D=route("$default"))
    assert [each.what for each in every] == ["$default", "GET /b", "POST /b", "GET /c"]
