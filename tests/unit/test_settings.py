"""bridge.toml and -c, as they are meant to be written."""

from pathlib import Path
from typing import Any

import pytest

from stacks.settings import Settings, WorkerKind, read_settings

WEBHOOK = """
[[webhooks]]
name = "order.created"
table = "public.orders"
operations = ["insert"]
target = "handle_order"
"""
SHOP = Path(__file__).parents[2] / "examples" / "shop"


def read(tmp_path: Path, text: str, **context: Any) -> Settings:
    worker = tmp_path / "workers" / "handle_order"
    worker.mkdir(parents=True)
    (worker / "handler.py").touch()
    (tmp_path / "workers" / "notes").mkdir()
    (tmp_path / "bridge.toml").write_text(text, "utf-8")
    given = {"config": str(tmp_path / "bridge.toml"), **context}
    return read_settings(given)


def should_give_defaults_to_what_is_left_out(tmp_path: Path) -> None:
    settings = read(tmp_path, f"{WEBHOOK}[stages.prod]")
    assert settings.webhooks[0].model_dump() == {
        "name": "order.created",
        "table": "public.orders",
        "operations": ("insert",),
        "columns": None,
        "when": None,
        "enabled": True,
        "ordered": False,
        "max_per_minute": None,
        "target": ("handle_order",),
    }
    assert settings.stage.model_dump(exclude_none=True) == {
        "allowed_source_ranges": (),
        "target_urls": {},
        "allowed_target_ranges": (),
        "cors_origins": (),
        "token_issuers": (),
        "token_audience": "authenticated",
        "token_cache": 60,
        "pool_clients": 100,
        "subnets": (),
        "security_groups": (),
        "throttle_rate": 500,
        "throttle_burst": 1000,
        "receiver_concurrency": 0,
        "database_tls": "verify-full",
        "ping": "required",
        "fast_path_grace": 30,
        "pause_after": 24,
        "retention": 7,
        "log_retention": 30,
        "rotation_days": 30,
        "rotation_overlap": 24,
        "backlog_alarm": 100_000,
        "age_alarm": 900,
        "termination_protection": False,
        "tags": {},
        "deploy_from": ("main",),
        "deploy_on_merge": False,
        "removal": "retain",
        "layer_platform": "aws",
    }


def should_take_folders_with_a_handler_as_workers(tmp_path: Path) -> None:
    assert read(tmp_path, "[stages.prod]").workers.keys() == {"handle_order"}


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["handler.py"], WorkerKind.PYTHON),
        (["index.mjs", "package.json"], WorkerKind.NODE),
        (["handler.py", "state_machine.asl.json"], WorkerKind.STATE_MACHINE),
        (["state_machine.asl.json"], WorkerKind.STATE_MACHINE),
        (["README.md"], None),
    ],
)
def should_tell_workers_by_their_files(tmp_path: Path, files: list[str], kind: WorkerKind | None) -> None:
    for file in files:
        (tmp_path / file).touch()
    assert WorkerKind.of(tmp_path) is kind


def should_read_a_functions_routes(tmp_path: Path) -> None:
    (tmp_path / "functions" / "users").mkdir(parents=True)
    (tmp_path / "functions" / "users" / "handler.py").touch()
    settings = read(
        tmp_path,
        '[functions.users]\nroutes = { "GET /users" = ["authenticated"], "GET /users/{id}" = [] }\n'
        'secrets = ["supabase", "mail-er2"]\n[stages.prod]',
    )
    assert settings.functions["users"].model_dump() == {
        "routes": {"GET /users": ("authenticated",), "GET /users/{id}": ()},
        "secrets": ("supabase", "mail-er2"),
        "memory": 512,
        "timeout": 25,
        "max_concurrency": 20,
        "snap_start": True,
        "provisioned_concurrency": 0,
    }
    assert settings.own_entries == ["mail-er2"]


def should_size_a_worker_as_declared(tmp_path: Path) -> None:
    worker = read(tmp_path, "[workers.handle_order]\nmemory = 1024\n[stages.prod]").workers["handle_order"]
    assert (worker.memory, worker.timeout) == (1024, 60)


def should_size_a_state_machines_tasks_and_its_queue(tmp_path: Path) -> None:
    folder = tmp_path / "workers" / "wait"
    folder.mkdir(parents=True)
    (folder / "handler.py").touch()
    (folder / "state_machine.asl.json").write_text('{"Resource": "${TaskFunction}"}', "utf-8")
    worker = read(tmp_path, "[workers.wait]\nmemory = 1024\nbatch_size = 5\n[stages.prod]").workers["wait"]
    assert (worker.memory, worker.batch_size) == (1024, 5)


def should_take_the_only_stage_without_being_asked(tmp_path: Path) -> None:
    assert read(tmp_path, "[stages.prod]").stage_name == "prod"


def should_choose_the_stage_that_is_asked_for(tmp_path: Path) -> None:
    settings = read(tmp_path, "[stages.dev]\nretention = 1\n[stages.prod]", stage="dev")
    assert (settings.stage_name, settings.stage.retention) == ("dev", 1)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("retention", "3", 3),
        ("ping", "warn", "warn"),
        ("account", "123456789012", "123456789012"),
        ("allowed_source_ranges", "203.0.113.0/24, 2001:db8::/32", ("203.0.113.0/24", "2001:db8::/32")),
        ("webhook_url", "https://example.com/x/{api_id}/$default", "https://example.com/x/{api_id}/$default"),
    ],
)
def should_override_a_stage_setting(tmp_path: Path, name: str, given: str, expected: object) -> None:
    environment = read(tmp_path, "[stages.prod]", **{name: given}).stage
    assert getattr(environment, name) == expected


def should_leave_the_cdks_own_context_alone(tmp_path: Path) -> None:
    context = {
        "cli-telemetry": False,
        "@aws-cdk/core:target-partitions": ["aws"],
        "aws:cdk:bundling-stacks": [],
    }
    assert read(tmp_path, "[stages.prod]", **context).stage_name == "prod"


def should_allow_plain_http_on_this_machine(tmp_path: Path) -> None:
    text = '[stages.local]\nlayer_platform = "local"\nwebhook_url = "http://127.0.0.1:4566/{api_id}"'
    assert read(tmp_path, text).stage.webhook_url == "http://127.0.0.1:4566/{api_id}"


@pytest.mark.parametrize(
    "table",
    [
        "public.orders",
        'public."Order Items"',
        '"a.b"."say ""hi"""',
        "straße._1$",
        " public . orders ",
        "public.select",
    ],
)
def should_take_a_table_as_sql_writes_it(tmp_path: Path, table: str) -> None:
    literal = f"'''{table}'''"
    text = WEBHOOK.replace('"public.orders"', literal) + "[stages.prod]"
    assert read(tmp_path, text).webhooks[0].table == table


def should_refuse_changes_of_what_was_read(tmp_path: Path) -> None:
    settings = read(tmp_path, "[stages.prod]")
    with pytest.raises(ValueError, match="frozen"):
        settings.stage.retention = 1  # type: ignore[misc]


def should_find_workers_and_functions_beside_the_file() -> None:
    for stage in ("local", "dev", "prod"):
        settings = read_settings({"config": str(SHOP / "bridge.toml"), "stage": stage})
        targets = {target for webhook in settings.webhooks for target in webhook.targets}
        assert targets == settings.workers.keys() | {target.name for target in settings.targets}
        assert settings.functions.keys() == {"health", "orders", "payments", "users"}
        assert settings.own_entries == ["stripe"]
