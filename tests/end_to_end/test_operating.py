"""What a person does at night: look where a message is, and mend what somebody broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.end_to_end.deployment import wait_for
from tools.cli.commands import main
from tools.local.aws import client_environment

if TYPE_CHECKING:
    import pytest

    from tests.end_to_end.deployment import Deployment


def should_follow_a_message_from_the_api_to_the_worker(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in client_environment(deployment.system.aws_endpoint).items():
        monkeypatch.setenv(name, value)
    deployment.rest()
    [order] = deployment.place()
    message_id, _ = deployment.message_of(order)

    def said() -> str:
        main(["follow", message_id, "--stage", "local", "--config", str(deployment.config)])
        return capsys.readouterr().out

    wait_for(lambda: "event processed of event 0  webhook=order.created" in said())
    lines = said().splitlines()
    [receiver] = [line for line in lines if "webhook answered" in line]
    [worker] = [line for line in lines if "event processed" in line]
    assert "receive_webhook" in receiver
    assert "status=202" in receiver
    assert "process_order" in worker


def should_capture_again_what_somebody_switched_off(deployment: Deployment) -> None:
    triggers = deployment.triggers()
    deployment.connection.execute('drop trigger "bridge_order.created_insert" on public.orders')
    assert deployment.column("select missing_triggers from bridge.metrics()") == [1]
    assert deployment.rows(
        "select webhook, not_captured from bridge.status where not_captured is not null"
    ) == [["order.created", ["insert"]]]

    deployment.connection.execute("select bridge.repair()")

    assert deployment.triggers() == triggers
    deployment.wait_until_processed(deployment.place())
