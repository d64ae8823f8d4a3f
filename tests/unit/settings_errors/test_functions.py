"""What a wrong function is answered with: its settings, its routes, and its folder."""

from pathlib import Path

import pytest

from tests.unit.settings_errors.mistakes import mistakes


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", "routes is missing; allowed: a table of routes with the roles that each takes"),
        ("routes = {}", "routes = {} is wrong; allowed: a table of routes"),
        ('routes = ["GET /users"]', "allowed: a table of routes"),
        ('routes = { "/users" = [] }', "write METHOD /path, with {name} for what varies"),
        ('routes = { "get /users" = [] }', "write METHOD /path"),
        ('routes = { "GET users" = [] }', "write METHOD /path"),
        ('routes = { "GET /users/" = [] }', "write METHOD /path"),
        ('routes = { "GET " = [] }', "write METHOD /path"),
        ('routes = { "GET /files/{path+}" = [] }', "write METHOD /path, with {name} for what varies"),
        ('routes = { "GET /{path+}" = [] }', "write METHOD /path"),
        ('routes = { "GET /a/{id}/b/{id}" = [] }', "'id' is listed twice"),
        ('routes = { "POST /webhooks/x" = [] }', "/webhooks belongs to the bridge itself"),
        ('routes = { "GET /users" = "anyone" }', "allowed: a table of routes"),
        ('routes = { "GET /users" = ["Admin"] }', "allowed: a table of routes"),
        ('secrets = ["supabase-jwt"]', "only the bridge itself reads that entry"),
        ('secrets = ["Stripe"]', 'allowed: a list of "database", "supabase", "supabase-service-role"'),
        ('secrets = ["stripe-"]', "digits and single '-', a letter after each"),
        ('secrets = ["mail--er"]', "digits and single '-'"),
        ('secrets = ["s3-1"]', "a letter after each"),
        (f'secrets = ["{"x" * 32}"]', "at most 31 lower-case letters"),
        ("timeout = 30", "allowed: 1 to 29 (seconds; API Gateway waits for 30)"),
        ("max_concurrency = -1", "allowed: 0 to 1000 (instances at a time"),
        ("provisioned_concurrency = 1", "exclude each other; set snap_start = false"),
        (
            "provisioned_concurrency = 21\nsnap_start = false",
            "provisioned_concurrency = 21 is more than max_concurrency = 20",
        ),
    ],
)
def should_explain_a_wrong_function(tmp_path: Path, fields: str, expected: str) -> None:
    routes = "" if "routes" in fields or not fields else 'routes = { "GET /users" = [] }\n'
    (line,) = mistakes(tmp_path, f"[functions.users]\n{routes}{fields}\n[stages.prod]", functions=("users",))
    assert line.startswith('function "users": ')
    assert expected in line


def should_refuse_a_route_that_leads_to_two_functions(tmp_path: Path) -> None:
    text = (
        '[functions.orders]\nroutes = { "GET /orders/{id}" = [] }\n'
        '[functions.users]\nroutes = { "GET /orders/{order}" = [] }\n[stages.prod]'
    )
    assert mistakes(tmp_path, text, functions=("orders", "users")) == [
        'function "users": route "GET /orders/{order}" leads to "orders" already'
    ]


def should_name_a_function_without_a_folder_and_a_folder_without_routes(tmp_path: Path) -> None:
    text = '[functions.user]\nroutes = { "GET /users" = [] }\n[stages.prod]'
    assert mistakes(tmp_path, text, functions=("users",)) == [
        (
            'function "user": "user" is no folder of functions with a handler.py; '
            'did you mean "users"? known: users'
        ),
        ('folder "users" of functions: no route leads to it; add a section [functions.users] with routes'),
    ]
