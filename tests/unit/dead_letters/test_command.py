"""The command: what it prints, what it refuses, and what it wants to be told first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.unit.dead_letters.worker import Worker, event
from tools.cli.commands import main
from tools.local.declaration import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def deployed(client: SQSClient) -> Iterator[dict[str, Worker]]:
    """A bridge stack that has two of the three workers."""
    workers = {
        name: Worker(client, name=f"external-compute-prod-{name}")
        for name in ("process_order", "render_receipt")
    }
    address = workers["process_order"].events.rpartition("/")[0]
    outputs = {"QueueAddress": f"{address}/", "WorkerProcessOrder": "a", "WorkerRenderReceipt": "b"}
    template = {
        # A stack needs a resource.
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    stacks = boto3.client("cloudformation")
    stacks.create_stack(StackName="external-compute-prod-bridge", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="external-compute-prod-bridge")
    yield workers
    stacks.delete_stack(StackName="external-compute-prod-bridge")
    stacks.get_waiter("stack_delete_complete").wait(StackName="external-compute-prod-bridge")
    stacks.close()
    for worker in workers.values():
        worker.delete()


def run(*arguments: str) -> None:
    main(
        [
            "dead-letters",
            *arguments,
            "--stage",
            "prod",
            "--config",
            str(SHOP / "bridge.toml"),
            "--region",
            "us-east-1",
        ]
    )


def should_list_each_worker_that_is_deployed(
    deployed: dict[str, Worker], capsys: pytest.CaptureFixture[str]
) -> None:
    deployed["process_order"].die(event(1), event(2))
    run("list")
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["process_order", "2"], ["render_receipt", "0"]]
    assert lines[0].endswith("ago")


def should_show_what_they_are_without_the_rows(
    deployed: dict[str, Worker], capsys: pytest.CaptureFixture[str]
) -> None:
    deployed["process_order"].die(event(2), "no event", event(1))
    run("show", "process_order")
    out = capsys.readouterr().out
    assert out.startswith(
        "2026-11-23 15:00:01Z  message:1  order.created  receives: 1\n"
        "2026-11-23 15:00:02Z  message:2  order.created  receives: 1\n"
    )
    assert "no event (message " in out
    assert out.endswith("3 shown of about 3\n")
    assert "ada@example.com" not in out


def should_show_the_rows_when_asked_to(
    deployed: dict[str, Worker], capsys: pytest.CaptureFixture[str]
) -> None:
    deployed["process_order"].die(event(1))
    run("show", "process_order", "--body")
    assert event(1) in capsys.readouterr().out


def should_say_how_many_were_sent_back(
    deployed: dict[str, Worker], capsys: pytest.CaptureFixture[str]
) -> None:
    worker = deployed["process_order"]
    worker.die(*map(event, range(3)))
    run("redrive", "process_order", "--limit", "2", "--yes")
    assert capsys.readouterr().out == "2 sent back\n"
    assert len(worker.received(worker.events)) == 2


def should_name_the_events_that_it_did_not_find(
    deployed: dict[str, Worker], capsys: pytest.CaptureFixture[str]
) -> None:
    deployed["process_order"].die(event(1))
    with pytest.raises(SystemExit, match="not found among the dead letters of process_order: message:9"):
        run("redrive", "process_order", "--event", "message:1", "--event", "message:9", "--yes")
    assert capsys.readouterr().out == "1 sent back\n"


def should_change_nothing_without_being_allowed_to(deployed: dict[str, Worker]) -> None:
    deployed["process_order"].die(event(1))
    for command in (["redrive", "process_order"], ["discard", "process_order", "--all"]):
        with pytest.raises(SystemExit, match="give --yes"):
            run(*command)
    assert deployed["process_order"].letters.count() == (1, 0)


def should_delete_nothing_without_being_told_which(deployed: dict[str, Worker]) -> None:
    deployed["process_order"].die(event(1))
    with pytest.raises(SystemExit, match="say which to delete"):
        run("discard", "process_order", "--yes")
    assert deployed["process_order"].letters.count() == (1, 0)


def should_name_the_known_workers_for_one_that_is_not(deployed: dict[str, Worker]) -> None:
    del deployed
    with pytest.raises(SystemExit) as caught:
        run("show", "proces_order")
    assert str(caught.value) == (
        '"proces_order" is no worker that is deployed in stage prod; did you mean "process_order"? '
        "known: process_order, render_receipt"
    )


def should_say_that_the_stage_is_not_deployed(client: SQSClient) -> None:
    del client
    with pytest.raises(SystemExit, match="external-compute-prod-bridge is not deployed in us-east-1"):
        run("list")


def should_say_how_to_give_credentials(client: SQSClient, monkeypatch: pytest.MonkeyPatch) -> None:
    del client
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SystemExit, match="no AWS credentials found; set AWS_PROFILE"):
        run("list")


def should_refuse_a_stage_that_bridge_toml_does_not_know(client: SQSClient) -> None:
    del client
    with pytest.raises(SystemExit, match='did you mean "prod"'):
        main(["dead-letters", "list", "--stage", "prd", "--config", str(SHOP / "bridge.toml")])


def should_refuse_a_limit_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("redrive", "process_order", "--limit", "0")
    assert "greater than or equal to 1" in capsys.readouterr().err
