"""What a function is told: its variables, and the tables beside its code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.environment import queue_urls, required_json, variables
from bridge.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    return tmp_path


def should_read_tables_as_variables(code: Path) -> None:
    webhooks = {"order.created": ["handle_order"]}
    (code / "tables.json").write_text(json.dumps({"WEBHOOKS": webhooks, "RANGES": []}), "utf-8")
    assert required_json(variables(), "WEBHOOKS", dict) == webhooks
    assert required_json(variables(), "RANGES", list) == []


def should_prefer_a_variable_to_a_table(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code / "tables.json").write_text('{"WEBHOOKS": {}}', "utf-8")
    monkeypatch.setenv("WEBHOOKS", '{"order.created": []}')
    assert required_json(variables(), "WEBHOOKS", dict) == {"order.created": []}


def should_miss_a_table_of_a_function_without_any(code: Path) -> None:
    assert list(code.iterdir()) == []
    with pytest.raises(SettingsError, match="WEBHOOKS is not set"):
        required_json(variables(), "WEBHOOKS", dict)


def should_make_urls_of_an_address_and_names() -> None:
    environment = {
        "QUEUE_ADDRESS": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/",
        "QUEUES": '{"handle_order": "external-compute-prod-handle_order.fifo"}',
    }
    assert queue_urls(environment) == {
        "handle_order": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/"
        "external-compute-prod-handle_order.fifo"
    }
