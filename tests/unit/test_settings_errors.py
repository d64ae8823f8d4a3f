"""What a wrong bridge.toml is answered with: file, entry, field, value, and what would be right."""

from pathlib import Path
from typing import Any

import pytest

from stacks.errors import SettingsError
from stacks.settings import read_settings

GOOD = {
    "name": '"order.created"',
    "table": '"public.orders"',
    "operations": '["insert"]',
    "target": '"process_order"',
}


def mistakes(
    tmp_path: Path,
    text: str,
    *,
    workers: tuple[str, ...] = ("process_order",),
    functions: tuple[str, ...] = (),
    **context: Any,
) -> list[str]:
    folders = [f"workers/{name}" for name in workers] + [f"functions/{name}" for name in functions]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "handler.py").touch()
    file = tmp_path / "bridge.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_settings({"config": str(file), **context}, sources=tmp_path)
    headline, *lines = str(caught.value).splitlines()
    assert str(file) in headline
    return [line.strip() for line in lines]


def worker_folder(tmp_path: Path, name: str, **files: str) -> None:
    folder = tmp_path / "workers" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, "utf-8")


def webhook(**fields: str) -> str:
    body = "".join(f"{name} = {value}\n" for name, value in {**GOOD, **fields}.items() if value)
    return f"[[webhooks]]\n{body}[stages.prod]\n"


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("name", '"Order"', 'name = "Order" is wrong; allowed: a lower-case letter, then at most 44'),
        ("name", '"bridge.x"', 'names that start with "bridge." belong to the bridge'),
        ("name", "", "name is missing; allowed: a lower-case letter"),
        (
            "table",
            '"orders"',
            "table = \"orders\" is wrong (it names no schema; did you mean 'public.orders'?)",
        ),
        ("table", '"a.b.c"', "more than two parts; leave the database out"),
        ("table", "'public.\"orders'", "can't be read as a name"),
        ("table", '"public."', "'the end' can't be read as a name"),
        ("table", '"public.order items"', "written in double quotes"),
        ("table", f'"public.{"ä" * 32}"', "has 64 bytes; Postgres keeps 63"),
        (
            "operations",
            '["insrt"]',
            'operations = "insrt" is wrong; allowed: a list of one or more of "insert"',
        ),
        ("operations", '["insrt"]', 'did you mean "insert"?'),
        ("operations", "[]", "operations = [] is wrong; allowed: a list of one or more"),
        ("operations", '["insert", "insert"]', "'insert' is listed twice"),
        ("operations", '"insert"', 'operations = "insert" is wrong; allowed: a list'),
        ("columns", '["id", "id"]', "'id' is listed twice"),
        ("columns", '[""]', 'columns = "" is wrong; allowed: a list of column names'),
        ("columns", "[]", "columns = [] is wrong"),
        ("when", '" "', 'when = " " is wrong; allowed: a SQL condition over new and old'),
        ("enabled", '"yes"', 'enabled = "yes" is wrong; allowed: true or false'),
        ("target", "5", "target = 5 is wrong; allowed: the name of a folder in lambda_src/workers"),
        ("target", '"proces_order"', 'did you mean "process_order"? known: process_order'),
        (
            "tabel",
            '"x"',
            '"tabel" is no setting; did you mean "table"? known: columns, enabled, max_per_minute, name',
        ),
        ("ordered", '"yes"', 'ordered = "yes" is wrong; allowed: true or false'),
        ("max_per_minute", "0", "max_per_minute = 0 is wrong; allowed: 1 to 100000000"),
    ],
)
def should_explain_a_wrong_webhook(tmp_path: Path, field: str, given: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, webhook(**{field: given}))
    assert line.startswith("webhook ")
    assert expected in line


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            "account = 123456789012",
            'stage "prod": account = 123456789012 is wrong; allowed: an AWS account\'s 12',
        ),
        ('region = "Frankfurt"', "allowed: an AWS region, for example eu-central-1"),
        ('webhook_url = "https://x.org/"', "leave out what follows the address"),
        ('webhook_url = "https://x.org/{stage}"', "the only placeholder is {api_id}"),
        ('webhook_url = "x.org"', "allowed: the https address"),
        ('webhook_url = "http://x.org"', "would send rows unencrypted; use https"),
        ('domain_name = "hooks.example.com"', "domain_name is given without certificate_arn"),
        ('certificate_arn = "x"', "allowed: the ARN of an ACM certificate"),
        ('allowed_source_ranges = ["10.0.0.1/8"]', "10.0.0.1/8 has host bits set"),
        ("throttle_rate = 0", "throttle_rate = 0 is wrong; allowed: 1 to 10000 (requests a second)"),
        ("throttle_burst = 5001", "allowed: 1 to 5000 (requests)"),
        ('database_tls = "verify_full"', 'did you mean "verify-full"?'),
        ('ping = "warning"', 'did you mean "warn"?'),
        ("fast_path_grace = 0", "allowed: 1 to 3600 (seconds)"),
        ('retention = "7"', 'retention = "7" is wrong; allowed: 1 to 365 (days)'),
        ("pause_after = 73", "pause_after = 73 is wrong; allowed: 1 to 72 (hours"),
        ("backlog_alarm = 0", "= 0 is wrong; allowed: 1 to 1000000000 (messages in the outbox)"),
        ("age_alarm = 30", "age_alarm = 30 is wrong; allowed: 60 to 604800 (seconds)"),
        ('alarm_email = "oncall"', 'alarm_email = "oncall" is wrong; allowed: one e-mail address'),
        ('alarm_email = "a@b.c, d@e.f"', "allowed: one e-mail address, for example oncall@example.com"),
        ("log_retention = 8", "log_retention = 8 is wrong; allowed: one of CloudWatch's (1, 3, 5, 7, 14"),
        ('removal = "delete"', 'allowed: "retain" or "destroy"'),
        ('layer_platform = "arm64"', 'allowed: "aws" or "local"'),
        ('adopt = ""', "allowed: the owner that the refused deployment named"),
        ("retentoin = 3", '"retentoin" is no setting; did you mean "retention"?'),
        ('cors_origins = ["https://app.example.com/"]', "allowed: a list of origins whose pages"),
        ('cors_origins = ["app.example.com"]', "allowed: a list of origins whose pages"),
        ('jwks_url = "http://x.org/jwks"', "allowed: an https address"),
        ('token_audience = " "', "allowed: the value of aud in users' tokens"),
        ("token_cache = 3601", "allowed: 0 to 3600 (seconds"),
        ("rotation_days = 1001", "allowed: 0 to 1000 (days between rotations; 0: none by itself)"),
        ("rotation_overlap = 0", "allowed: 1 to 168 (hours that a previous secret stays valid)"),
        (
            "rotation_days = 7\nrotation_overlap = 168",
            "rotation_overlap = 168 (hours) must be shorter than rotation_days = 7",
        ),
        ("receiver_concurrency = 1001", "allowed: 0 to 1000 (instances at a time; 0: what the account has)"),
        ("pool_clients = 0", "allowed: 1 to 100000 (connections that the pooler accepts)"),
        ('subnets = ["subnet-0a1b2c3d"]', "subnets is given without security_groups"),
        ('security_groups = ["sg-0a1b2c3d"]', "security_groups is given without subnets"),
        ('subnets = ["vpc-1"]', "allowed: a list of subnet ids"),
    ],
)
def should_explain_a_wrong_stage(tmp_path: Path, setting: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, f"[stages.prod]\n{setting}")
    assert line.startswith('stage "prod": ')
    assert expected in line


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            "[workers.process_order]\nmemory = 64",
            'worker "process_order": memory = 64 is wrong; allowed: 128 to',
        ),
        ("[workers.process_order]\ntimeout = 901", "allowed: 1 to 900 (seconds)"),
        ("[workers.process_order]\nmax_concurrency = 1", "allowed: 2 to 1000"),
        (
            "[workers.process_order]\nprovisioned_concurrency = 6",
            "provisioned_concurrency = 6 is more than max_concurrency = 5",
        ),
        ("[workers.process_order]\nbatch_size = 11", "allowed: 1 to 10 (events)"),
        ("[workers.process_order]\nmax_attempts = 0", "allowed: 1 to 1000"),
        ("[workers.proces_order]", 'did you mean "process_order"?'),
        ("[workers]\nprocess_order = 5", "5 is no table; write [workers.process_order]"),
    ],
)
def should_explain_a_wrong_worker(tmp_path: Path, setting: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, f"{setting}\n[stages.prod]")
    assert expected in line


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
            'function "user": "user" is no folder of lambda_src/functions with a handler.py; '
            'did you mean "users"? known: users'
        ),
        (
            'folder "users" of lambda_src/functions: no route leads to it; '
            "add a section [functions.users] with routes"
        ),
    ]


def should_refuse_snap_start_for_node(tmp_path: Path) -> None:
    worker_folder(tmp_path, "render", **{"index.mjs": ""})
    (line,) = mistakes(tmp_path, "[workers.render]\nsnap_start = true\n[stages.prod]")
    assert "Lambda has no SnapStart for Node.js" in line


def should_refuse_the_code_of_another_kind_beside_a_worker(tmp_path: Path) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": "{}", "index.mjs": ""})
    worker_folder(tmp_path, "work", **{"handler.py": "", "index.mjs": ""})
    assert mistakes(tmp_path, "[stages.prod]") == [
        (
            'folder "wait" of lambda_src/workers: index.mjs would never run beside state_machine.asl.json; '
            "keep one of the two"
        ),
        (
            'folder "work" of lambda_src/workers: index.mjs would never run beside handler.py; '
            "keep one of the two"
        ),
    ]


def should_miss_the_handler_that_a_state_machine_calls(tmp_path: Path) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": '{"Resource": "${TaskFunction}"}'})
    assert mistakes(tmp_path, "[stages.prod]") == [
        (
            'folder "wait" of lambda_src/workers: state_machine.asl.json calls ${TaskFunction}, which is the '
            "folder's handler.py, and there is none; add it"
        )
    ]


@pytest.mark.parametrize(
    "setting",
    [
        "memory = 512",
        'secrets = ["stripe"]',
        "snap_start = true",
        "timeout = 5",
        "provisioned_concurrency = 1",
    ],
)
def should_refuse_settings_of_a_handler_that_is_not_there(tmp_path: Path, setting: str) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": "{}"})
    (line,) = mistakes(tmp_path, f"[workers.wait]\n{setting}\nbatch_size = 5\n[stages.prod]")
    assert line == (
        f'worker "wait": {setting} is wrong: it is for the handler.py that a state machine\'s tasks call, '
        "and there is none; leave it out, or add one"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[webhook]\n[stages.prod]",
            '"webhook" is no section; did you mean "webhooks"? known: functions, stages, targets, webhooks',
        ),
        ("[webhooks]\n[stages.prod]", "begin each one with [[webhooks]]"),
        ("", "there is no stage; add a section [stages.NAME]"),
        ("[stages.dev]\n[stages.prod]", "choose one with -c stage=NAME; known: dev, prod"),
        ("[stages.Prod]", 'stage "Prod": its name is wrong'),
    ],
)
def should_explain_a_wrong_section(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in mistakes(tmp_path, text))


def should_name_the_stages_there_are_when_asked_for_another(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", stage="prd")
    assert line == '-c stage: "prd" is no stage; did you mean "prod"? known: prod'


def should_name_the_option_that_gave_a_wrong_value(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", retention="ten")
    assert line.startswith(
        '-c retention=ten (for stage "prod"): retention = "ten" is wrong; allowed: 1 to 365'
    )


def should_refuse_a_misspelt_option(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", retentoin="3")
    assert 'did you mean "retention"?' in line


def should_refuse_a_name_that_is_used_twice(tmp_path: Path) -> None:
    text = webhook().replace("[stages.prod]\n", "") + webhook()
    assert mistakes(tmp_path, text) == ['webhook "order.created": name is used 2 times; each needs its own']


@pytest.mark.parametrize(
    "name", ["redeliver", "Process", "a__b", "a_1", "email", "dateutil", "six", "x" * 33]
)
def should_refuse_a_worker_folder_with_a_name_that_cant_be_used(tmp_path: Path, name: str) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", workers=(name,))
    assert line.startswith(f'folder "{name}" of lambda_src/workers')


def should_name_every_mistake_at_once(tmp_path: Path) -> None:
    text = webhook(name='"Order"', target='"nobody"') + "retention = 0\n[workers.process_order]\nmemory = 1"
    assert len(mistakes(tmp_path, text)) == 4


def should_number_a_webhook_without_a_name(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, webhook(name=""))
    assert line.startswith("webhook number 1: ")


def should_say_where_toml_ends_to_be_toml(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text("[stages.prod\n", "utf-8")
    with pytest.raises(SettingsError, match=r"bridge.toml is no TOML: .*line 1"):
        read_settings({"config": str(file)})


def should_say_how_to_name_another_file() -> None:
    with pytest.raises(
        SettingsError, match=r"nowhere.toml doesn't exist; name another file with -c config=FILE"
    ):
        read_settings({"config": "nowhere.toml"})


def should_refuse_an_order_that_a_target_can_not_keep(tmp_path: Path) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": "{}"})
    declared = webhook(ordered="true", target='["process_order", "wait"]')
    batches, executions = mistakes(tmp_path, f"[workers.process_order]\nbatch_size = 5\n{declared}")
    assert batches.startswith(
        'worker "process_order": batch_size = 5 is wrong: webhook "order.created" is ordered'
    )
    assert executions.startswith(
        'webhook "order.created": ordered = true is wrong: the executions of state machine "wait" run side'
    )
