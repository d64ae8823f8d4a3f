"""Every way into the stage from outside: routes, domains, function URLs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.review.assembly import Assembly, Stack
from tools.review.findings import acknowledged_at
from tools.review.names import Names, references
from tools.review.permissions import Statement

# Reachable from the internet by what they are; their templates say for whom.
_PUBLIC = {
    "AWS::ApiGateway::Method": "method of a REST API",
    "AWS::AppSync::GraphQLApi": "GraphQL API",
    "AWS::CloudFront::Distribution": "CloudFront distribution",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "load balancer",
}
_OPEN = "open"
_ANYWHERE = "any address"


@dataclass(frozen=True, order=True, kw_only=True)
class Entrance:
    """One way in.

    Attributes:
        kind: route, domain, function URL, …
        what: "POST /users", a name.
        leads_to: the function or API behind it.
        authorization: who is let in, by what.
        sources: the networks that requests may come from, as far as the template says.
        reason: why it is open, where that is acknowledged; what is deployed doesn't say it.
    """

    kind: str
    what: str
    leads_to: str
    authorization: str
    sources: str = _ANYWHERE
    reason: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same when its authorization changes."""
        return self.kind, self.what

    @property
    def open(self) -> bool:
        """Whether API Gateway or Lambda lets anyone in."""
        return self.authorization.startswith(_OPEN)


def entrances(assembly: Assembly, statements: Iterable[Statement]) -> list[Entrance]:
    """Return all of a stage's, in a fixed order.

    Args:
        assembly: the stage.
        statements: its own, of which some let anyone in.
    """
    names = Names(assembly)
    found = {each for stack in assembly.stacks for each in _of_stack(names, stack)}
    found |= {_policy(each) for each in statements if _lets_anyone_in(each)}
    return sorted(found, key=lambda each: (_rank(each), each))


def _lets_anyone_in(statement: Statement) -> bool:
    anyone = statement.who.startswith("all but ") or "*" in statement.who.split(", ")
    return bool(statement.on) and statement.effect == "Allow" and anyone


def _policy(statement: Statement) -> Entrance:
    conditions = f", if {statement.conditions}" if statement.conditions else ""
    anyone = "anyone" if statement.who == "*" else statement.who
    return Entrance(
        kind="policy",
        what=f"{', '.join(statement.actions)} on {statement.on}",
        leads_to=statement.on,
        authorization=f"{_OPEN} to {anyone}{conditions}",
    )


def _rank(entrance: Entrance) -> tuple[str, ...]:
    """Routes by their path, so that methods of one stand together."""
    return (entrance.kind, *reversed(entrance.what.split(" ", 1)))


def _of_stack(names: Names, stack: Stack) -> Iterator[Entrance]:
    for logical_id, resource in stack.resources.items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::ApiGatewayV2::Route":
                yield _route(names, stack, logical_id, properties)
            case "AWS::ApiGatewayV2::DomainName" | "AWS::ApiGateway::DomainName":
                yield Entrance(
                    kind="custom domain",
                    what=names.shown(stack, properties["DomainName"]),
                    leads_to=_mapped(names, stack, logical_id),
                    authorization="that of the route",
                )
            case "AWS::Lambda::Url":
                yield _url(names, stack, properties)
            case kind if kind in _PUBLIC and properties.get("Scheme") != "internal":
                yield Entrance(
                    kind=_PUBLIC[kind],
                    what=names.place(stack, logical_id),
                    leads_to="see the template",
                    authorization="see the template",
                )


def _route(names: Names, stack: Stack, logical_id: str, properties: Mapping[str, Any]) -> Entrance:
    key = names.shown(stack, properties["RouteKey"])
    function_id = _behind(stack, properties.get("Target"))
    return Entrance(
        kind="route",
        what=key,
        leads_to=names.place(stack, function_id)
        if function_id
        else names.shown(stack, properties.get("Target")),
        authorization=_authorization(names, stack, properties),
        sources=_sources(stack, function_id),
        reason=acknowledged_at(names, stack, logical_id, "AwsSolutions-APIG4"),
    )


def _authorization(names: Names, stack: Stack, properties: Mapping[str, Any]) -> str:
    kind = properties.get("AuthorizationType", "NONE")
    if kind == "NONE":
        return f"{_OPEN} to anyone"
    if kind == "AWS_IAM":
        return "AWS_IAM: signed by a principal of AWS that is allowed execute-api:Invoke"
    authorizer_id = next(iter(references(properties.get("AuthorizerId"))), "")
    authorizer = stack.resources.get(authorizer_id, {}).get("Properties", {})
    if kind == "JWT":
        issuer = names.shown(stack, authorizer.get("JwtConfiguration", {}).get("Issuer", ""))
        return f"JWT of {issuer}"
    function_id = _function(stack, authorizer.get("AuthorizerUri"))
    by = names.place(stack, function_id or authorizer_id)
    roles = _roles(stack, function_id, str(properties["RouteKey"]))
    return f"{by}, roles: {', '.join(roles)}" if roles else by


def _roles(stack: Stack, function_id: str, route: str) -> list[str]:
    """The roles that the authorizer takes on a route: bridge.toml's, in its tables."""
    routes = _table(stack, function_id, "ROUTES")
    return [str(role) for role in routes.get(route, [])] if isinstance(routes, dict) else []


def _sources(stack: Stack, function_id: str) -> str:
    ranges = _table(stack, function_id, "ALLOWED_SOURCE_RANGES")
    return ", ".join(map(str, ranges)) if isinstance(ranges, list) and ranges else _ANYWHERE


def _table(stack: Stack, function_id: str, name: str) -> Any:
    """A table of a function, which an earlier version had in its environment; None where it has none."""
    function = stack.resources.get(function_id, {})
    tables = function.get("Metadata", {}).get("Tables", {})
    if name in tables:
        return tables[name]
    text = function.get("Properties", {}).get("Environment", {}).get("Variables", {}).get(name)
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _behind(stack: Stack, target: Any) -> str:
    """The function that a route's integration invokes, itself or by an alias; "" where there is none."""
    for integration in sorted(references(target)):
        resource = stack.resources.get(integration, {})
        if function_id := _function(stack, resource.get("Properties", {}).get("IntegrationUri")):
            return function_id
    return ""


def _function(stack: Stack, value: Any) -> str:
    for name in sorted(references(value)):
        resource = stack.resources.get(name, {})
        if resource.get("Type") == "AWS::Lambda::Function":
            return name
        if resource.get("Type") in {"AWS::Lambda::Alias", "AWS::Lambda::Version"}:
            return _function(stack, resource["Properties"]["FunctionName"])
    return ""


def _mapped(names: Names, stack: Stack, domain: str) -> str:
    apis = [
        names.shown(stack, each["Properties"].get("ApiId"))
        for each in stack.resources.values()
        if each["Type"] == "AWS::ApiGatewayV2::ApiMapping"
        and domain in references(each["Properties"].get("DomainName"))
    ]
    return ", ".join(sorted(apis)) or "nothing"


def _url(names: Names, stack: Stack, properties: Mapping[str, Any]) -> Entrance:
    function = names.shown(stack, properties.get("TargetFunctionArn"))
    kind = names.shown(stack, properties.get("AuthType"))
    return Entrance(
        kind="function URL",
        what=function,
        leads_to=function,
        authorization=f"{_OPEN} to anyone" if kind == "NONE" else kind,
    )
