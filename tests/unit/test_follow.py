"""`make follow`: one message through the logs of several functions; against the emulated AWS."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tools.cli.commands import main
from tools.local.declaration import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "external-compute-dev-bridge"
FUNCTIONS = {
    "ReceiveWebhookFunction": "receive",
    "RedeliverFunction": "redeliver",
    "WorkerProcessOrder": "process-order",
}


def message_id(seconds_ago: float) -> str:
    """A UUID of version 7."""
    digits = f"{int((time.time() - seconds_ago) * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7c3e-8a52-3d1f0c9b6e11"


class Logs:
    """A stage whose functions' logs the test writes."""

    def __init__(self) -> None:
        self._stacks = boto3.client("cloudformation")
        self._functions = boto3.client("lambda")
        self._logs = boto3.client("logs")
        outputs = {output: {"Value": name} for output, name in FUNCTIONS.items()}
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
        self._stacks.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        for name in FUNCTIONS.values():
            group = f"logs-of-{name}"
            self._logs.create_log_group(logGroupName=group)
            self._logs.create_log_stream(logGroupName=group, logStreamName="one")
            self._functions.create_function(
                FunctionName=name,
                Runtime="python3.12",
                Handler="handler.handler",
                Role="arn:aws:iam::000000000000:role/logs",
                Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18},
                LoggingConfig={"LogFormat": "JSON", "LogGroup": group},
            )

    def write(self, function: str, fields: dict[str, Any] | str, *, ago: float = 0) -> None:
        text = fields if isinstance(fields, str) else json.dumps(fields)
        self._logs.put_log_events(
            logGroupName=f"logs-of-{function}",
            logStreamName="one",
            logEvents=[{"timestamp": int((time.time() - ago) * 1000), "message": text}],
        )

    def remove(self) -> None:
        self._stacks.delete_stack(StackName=STACK)
        for name in FUNCTIONS.values():
            self._functions.delete_function(FunctionName=name)
            self._logs.delete_log_group(logGroupName=f"logs-of-{name}")


@pytest.fixture
def logs(aws: None) -> Iterator[Logs]:  # noqa: ARG001
    logs = Logs()
    yield logs
    logs.remove()


def follow(*arguments: str) -> None:
    main(["follow", "--stage", "dev", "--config", str(SHOP / "bridge.toml"), *arguments])


def should_show_the_way_of_a_message_in_the_order_of_time(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, other = message_id(20), message_id(15)
    done = {"level": "INFO", "message": "event processed", "message_id": mine, "event_id": f"{mine}:0"}
    logs.write("process-order", {**done, "webhook": "order.created", "xray_trace_id": "1-2-b"}, ago=5)
    answered = {"level": "INFO", "message": "webhook answered", "message_id": mine, "status": 202}
    logs.write("receive", {**answered, "xray_trace_id": "1-2-a", "bytes": 500}, ago=10)
    logs.write("receive", {**answered, "message_id": other}, ago=8)

    follow(mine)

    said = capsys.readouterr().out
    [receiver, worker] = [line for line in said.splitlines() if " INFO " in line]
    assert "receive_webhook" in receiver
    assert "webhook answered  status=202 bytes=500" in receiver
    assert "process_order" in worker
    assert "event processed of event 0  webhook=order.created" in worker
    assert said.index("X-Ray trace 1-2-a") < said.index("X-Ray trace 1-2-b")
    assert f"select * from bridge.message where id = '{mine}';" in said


def should_take_the_id_of_an_event_for_that_of_its_message(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = message_id(20)
    logs.write("redeliver", {"level": "ERROR", "message": "not sent", "message_id": mine}, ago=1)

    follow(f"{mine}:17")

    assert "not sent" in capsys.readouterr().out


def should_show_where_an_error_was_raised(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    mine = message_id(20)
    stack = ["/opt/python/bridge/worker.py:114 _process", "/var/task/send_receipt/handler.py:10 handler"]
    failed = {"level": "ERROR", "message": "event failed", "message_id": mine, "error": "ValueError"}
    logs.write("process-order", {**failed, "stack": stack})

    follow(mine)

    said = capsys.readouterr().out
    assert "error=ValueError stack=send_receipt/handler.py:10 handler\n" in said


def should_show_a_line_that_is_no_json(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    mine = message_id(20)
    logs.write("process-order", f"printed by hand: {mine}\n")

    follow(mine)

    assert f"printed by hand: {mine}" in capsys.readouterr().out


def should_look_further_only_when_told_to(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    mine = message_id(3 * 3600)
    logs.write("process-order", {"message": "event processed", "message_id": mine}, ago=1)

    follow(mine)
    said = capsys.readouterr().out
    assert "no function has logged it within 1 h; --hours looks further" in said
    assert "select * from bridge.message" in said

    follow(mine, "--hours", "4")
    assert "event processed" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["order.created", "1234", "f47ac10b-58cc-4372-a567-0e02b2c3d479", ""])
def should_know_what_is_no_message(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        follow(given)
    assert f'"{given}" is no webhook-id: they look like 0194' in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["0", "-1", "soon", "nan", "1e9"])
def should_know_what_is_no_number_of_hours(hours: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        follow(message_id(1), f"--hours={hours}")
    assert "a number of hours above 0" in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
def should_say_what_to_deploy_first() -> None:
    with pytest.raises(SystemExit, match=r"-dev-bridge is not deployed in us-east-1; deploy it first"):
        follow(message_id(1))
