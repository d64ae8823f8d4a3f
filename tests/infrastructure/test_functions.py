"""The HTTP functions: routes, who may call them, how they start and where they run."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from stacks.pool import connections, pool_warning
from stacks.settings import read_settings
from tests.infrastructure.assembly import Assembly
from tests.infrastructure.bridge_stack import tables
from tools.local.declaration import SHOP


@pytest.fixture(scope="module")
def template(bridge: dict[str, Any]) -> Template:
    return Template.from_json(bridge)


def routes(bridge: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        resource["Properties"]["RouteKey"]: resource["Properties"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::ApiGatewayV2::Route"
    }


def should_route_what_bridge_toml_says(bridge: dict[str, Any]) -> None:
    assert routes(bridge).keys() == {
        "POST /webhooks/{webhook}",
        "POST /users",
        "GET /users",
        "GET /orders",
        "POST /orders/{id}/payment",
        "GET /health",
    }


def should_ask_for_a_token_wherever_a_role_is_named(bridge: dict[str, Any]) -> None:
    open_routes = {key for key, route in routes(bridge).items() if route.get("AuthorizationType") != "CUSTOM"}
    assert open_routes == {"POST /webhooks/{webhook}", "GET /health"}


def should_tell_the_authorizer_which_roles_each_route_takes(
    template: Template, bridge: dict[str, Any]
) -> None:
    roles = {
        "POST /users": ["service_role"],
        "GET /users": ["authenticated", "service_role"],
        "GET /orders": ["authenticated", "service_role"],
        "POST /orders/{id}/payment": ["authenticated"],
    }
    assert tables(bridge, "authorize") == {"ROUTES": roles, "TOKEN_ISSUERS": []}
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "authorize.handler.handler",
            "Environment": {
                "Variables": Match.object_like(
                    {
                        "TOKEN_AUDIENCE": "authenticated",
                        "JWKS_URL": "",
                    }
                )
            },
        },
    )


def should_let_the_api_invoke_a_function_by_one_statement(bridge: dict[str, Any]) -> None:
    statements = [
        resource["Properties"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Permission"
        and resource["Properties"]["Principal"] == "apigateway.amazonaws.com"
    ]
    functions = [json.dumps(statement["FunctionName"]) for statement in statements]
    # The four functions, the receiver and the authorizer, whatever their routes.
    assert len(functions) == len(set(functions)) == 6


def should_keep_a_verdict_apart_for_each_route(template: Template) -> None:
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Authorizer",
        {
            "AuthorizerType": "REQUEST",
            "AuthorizerPayloadFormatVersion": "2.0",
            "EnableSimpleResponses": True,
            "IdentitySource": ["$request.header.Authorization", "$context.routeKey"],
            "AuthorizerResultTtlInSeconds": 60,
        },
    )


def should_bound_and_prepare_functions_that_users_wait_for(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "orders.handler.handler",
            "ReservedConcurrentExecutions": 20,
            "SnapStart": {"ApplyOn": "PublishedVersions"},
            "Timeout": 25,
        },
    )
    # Those of the functions, and the task's, whose name outlives what is prepared.
    template.resource_count_is("AWS::Lambda::Alias", 5)


def should_call_the_alias_where_there_is_a_snapshot(bridge: dict[str, Any]) -> None:
    uris = [
        resource["Properties"]["IntegrationUri"]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::ApiGatewayV2::Integration"
    ]
    kinds = sorted(
        bridge["Resources"][uri.get("Ref") or uri["Fn::GetAtt"][0]]["Type"].split("::")[-1] for uri in uris
    )
    assert kinds == ["Alias"] * 4 + ["Function"]


def should_run_a_node_worker_on_the_newest_node(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Description": Match.string_like_regexp("render_receipt"),
            "Runtime": "nodejs24.x",
            "MemorySize": 1024,
        },
    )


def should_log_executions_without_their_rows(template: Template) -> None:
    template.has_resource_properties(
        "AWS::StepFunctions::StateMachine",
        {
            "LoggingConfiguration": Match.object_like({"IncludeExecutionData": False, "Level": "ALL"}),
            "TracingConfiguration": {"Enabled": True},
        },
    )


def should_name_the_logs_of_executions_anew_when_a_worker_comes_back(bridge: dict[str, Any]) -> None:
    names = [
        name["Fn::Join"][1]
        for resource in bridge["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup" and (name := resource["Properties"].get("LogGroupName"))
    ]
    ((prefix, unique),) = names
    assert prefix == "/aws/vendedlogs/states/external-compute-prod-bridge-expire_order-"
    role, attribute = unique["Fn::GetAtt"]
    assert (bridge["Resources"][role]["Type"], attribute) == ("AWS::IAM::Role", "RoleId")


def should_answer_no_preflight_unless_pages_are_named(bridge: dict[str, Any]) -> None:
    (api,) = (r for r in bridge["Resources"].values() if r["Type"] == "AWS::ApiGatewayV2::Api")
    assert "CorsConfiguration" not in api["Properties"]


def should_follow_the_stage_settings(changed: Assembly) -> None:
    template = Template.from_json(changed.template("prod-bridge"))
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Description": "Verifies messages and puts their events into queues",
            "ReservedConcurrentExecutions": 7,
        },
    )
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Api",
        {"CorsConfiguration": Match.object_like({"AllowOrigins": ["https://app.example.com"]})},
    )
    template.has_resource_properties("AWS::ApiGatewayV2::Authorizer", {"AuthorizerResultTtlInSeconds": 0})
    issuers = tables(changed.template("prod-bridge"), "authorize")["TOKEN_ISSUERS"]
    assert issuers == ["https://auth.example.com"]
    variables = {
        "TOKEN_AUDIENCE": "shop",
        "JWKS_URL": "https://auth.example.com/jwks",
    }
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "authorize.handler.handler",
            "Environment": {"Variables": Match.object_like(variables)},
        },
    )


def should_put_only_functions_that_reach_supabase_into_the_network(changed: Assembly) -> None:
    resources = changed.template("prod-bridge")["Resources"].values()
    functions = [r["Properties"] for r in resources if r["Type"] == "AWS::Lambda::Function"]
    outside = {f["Handler"] for f in functions if "VpcConfig" not in f}
    assert outside == {
        "receive_webhook.handler.handler",
        "start_execution.handler.handler",
        "framework.onEvent",
    }
    (network,) = {json.dumps(f["VpcConfig"], sort_keys=True) for f in functions if "VpcConfig" in f}
    assert json.loads(network) == {
        "SubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        "SecurityGroupIds": ["sg-0a1b2c3d"],
    }


def should_warn_when_functions_could_exhaust_the_pooler(changed: Assembly, assembly: Assembly) -> None:
    warning = "functions may hold 64 connections at a time (orders 20, payments 20,"
    assert warning in changed.said
    assert "the pooler accepts 63: lower max_concurrency" in changed.said
    assert "connections at a time" not in assembly.said


def should_count_every_function_that_keeps_a_connection() -> None:
    settings = read_settings({"config": str(SHOP / "bridge.toml"), "stage": "prod"})
    assert connections(settings) == {
        "redeliver": 3,
        "rotate_secret": 1,
        "expire_order": 5,
        "process_order": 5,
        "render_receipt": 5,
        "orders": 20,
        "payments": 20,
        "health": 5,
    }
    unbounded = settings.model_copy(
        update={
            "functions": {
                "orders": settings.functions["orders"].model_copy(update={"max_concurrency": 0}),
                "users": settings.functions["users"].model_copy(update={"max_concurrency": 0}),
            }
        }
    )
    warning = pool_warning(unbounded)
    assert warning is not None
    assert warning.startswith("orders: max_concurrency = 0 lets as many instances connect to the pooler")
