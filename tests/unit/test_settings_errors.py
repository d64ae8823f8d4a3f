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
    tmp_path: Path, text: str, *, workers: tuple[str, ...] = ("process_order",), **context: Any
) -> list[str]:
    for worker in workers:
        (tmp_path / "workers" / worker).mkdir(parents=True)
        (tmp_path / "workers" / worker / "handler.py").touch()
    file = tmp_path / "bridge.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_settings({"config": str(file), **context}, workers_directory=tmp_path / "workers")
    headline, *lines = str(caught.value).splitlines()
    assert str(file) in headline
    return [line.strip() for line in lines]


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
        ("tabel", '"x"', '"tabel" is no setting; did you mean "table"? known: columns, enabled, name'),
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
        ("log_retention = 8", "log_retention = 8 is wrong; allowed: one of CloudWatch's (1, 3, 5, 7, 14"),
        ('removal = "delete"', 'allowed: "retain" or "destroy"'),
        ('layer_platform = "arm64"', 'allowed: "aws" or "local"'),
        ('adopt = ""', "allowed: the owner that the refused deployment named"),
        ("retentoin = 3", '"retentoin" is no setting; did you mean "retention"?'),
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
    ("text", "expected"),
    [
        (
            "[webhook]\n[stages.prod]",
            '"webhook" is no section; did you mean "webhooks"? known: stages, webhooks',
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


@pytest.mark.parametrize("name", ["redeliver", "Process", "a__b", "a_1", "email", "psycopg", "x" * 33])
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
