"""Each event starts one execution of its worker's state machine, and a duplicate none."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from bridge import aws as aws_clients
from bridge.errors import MalformedMessageError, SettingsError
from bridge.events import Event
from start_execution.inputs import MAX_BYTES, execution_input
from start_execution.starting import execution_name
from tests.unit.aws import Context
from tests.unit.gateway import Gateway, Reply
from tests.unit.machines import Machine
from tests.unit.messages import MESSAGE_ID, queued, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.aws import Queue

    Start = Callable[..., list[str]]

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
VALID_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}")


@pytest.fixture
def machine(aws: None) -> Machine:  # noqa: ARG001
    return Machine.idle()


@pytest.fixture
def worker(machine: Machine, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> str:
    # Powertools keeps a logger, and the standard output of its time, for each name.
    name = f"worker_{uuid4().hex}"
    for variable, value in {
        "WORKER": name,
        "QUEUE_URL": queue.url,
        "STATE_MACHINE_ARN": machine.arn,
        "POWERTOOLS_SERVICE_NAME": "start_execution",
        "POWERTOOLS_METRICS_NAMESPACE": "ExternalCompute/test",
    }.items():
        monkeypatch.setenv(variable, value)
    return name


@pytest.fixture
def start(worker: str) -> Iterator[Start]:  # noqa: ARG001
    """Invoke as Lambda does; return the records that failed."""
    from start_execution import handler  # noqa: PLC0415  # Powertools reads its variables at import

    def start(*events: dict[str, Any] | str, remaining_ms: int = 60_000, **members: Any) -> list[str]:
        context: Any = Context(remaining_ms)
        answer = handler.handler(records(*events) | members, context)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    handler.settings.cache_clear()
    handler.batches.cache_clear()
    yield start
    handler.settings.cache_clear()
    handler.batches.cache_clear()


@pytest.fixture
def step_functions(start: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:  # noqa: ARG001
    """Answers in the place of Step Functions, as the test says."""
    with Gateway() as gateway:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", gateway.url)
        aws_clients.forget()
        yield gateway


def numbered(count: int) -> list[dict[str, Any]]:
    return [queued({"id": index}, id=f"{MESSAGE_ID}:{index}") for index in range(count)]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def should_start_an_execution_for_each_event(start: Start, machine: Machine) -> None:
    assert start(*numbered(10)) == []

    assert machine.executions() == [f"{MESSAGE_ID}-{index}" for index in range(10)]


def should_hand_the_event_over_unchanged(start: Start, machine: Machine) -> None:
    body = json.dumps(queued({"id": 1, "note": "ä"}), ensure_ascii=False).replace(
        '"note"', '"total":  1.10, "big": 123456789012345678901234567890, "note"'
    )

    assert start(body) == []

    assert machine.execution(f"{MESSAGE_ID}-0")["input"] == body


def should_start_none_for_a_duplicate(
    start: Start, machine: Machine, worker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [event] = numbered(1)

    assert start(event, event) == []
    assert start(event) == []

    assert machine.executions() == [f"{MESSAGE_ID}-0"]
    logged = lines(capsys)
    said = [(line["message"], line["event_id"], line["webhook"]) for line in logged if "message" in line]
    assert said == [
        (message, event["id"], "order.created")
        for message in ("event processed", "duplicate skipped", "duplicate skipped")
    ]
    first, second = [line for line in logged if "_aws" in line]
    assert first["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["worker"]]
    assert first["worker"] == worker
    assert (first["EventProcessed"], first["EventDuplicate"]) == ([1.0], [1.0])
    assert second["EventDuplicate"] == [1.0]


def should_fail_what_is_no_event_alone(start: Start, machine: Machine) -> None:
    assert start("no json", *numbered(2), "{}") == ["record-0", "record-3"]

    assert len(machine.executions()) == 2


def should_not_begin_an_event_without_time_to_finish_it(start: Start, machine: Machine) -> None:
    assert start(*numbered(1), remaining_ms=1_500) == ["record-0"]

    assert machine.executions() == []


def started(at: float) -> Reply:
    return Reply(body={"executionArn": "arn:aws:states:eu-central-1:1:execution:a:b", "startDate": at})


def should_know_a_duplicate_of_an_execution_that_still_runs(
    start: Start, step_functions: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC).timestamp()
    step_functions.will(started(now), started(now - 60))

    assert start(*numbered(2)) == []

    said = [line["message"] for line in lines(capsys) if "message" in line]
    assert said == ["event processed", "duplicate skipped"]


def refused(status: int, code: str) -> Reply:
    return Reply(status, {"__type": code, "message": "private"})


@pytest.mark.parametrize(
    "trouble",
    [
        refused(503, "ServiceUnavailable"),
        refused(400, "ThrottlingException"),
        refused(400, "ExecutionLimitExceeded"),
        Reply(hang_up=True),
    ],
)
def should_come_back_much_later_while_step_functions_takes_no_more(
    start: Start,
    step_functions: Gateway,
    queue: Queue,
    trouble: Reply,
    capsys: pytest.CaptureFixture[str],
) -> None:
    step_functions.will(*[trouble] * 3)
    batch = received(queue, *numbered(3))

    assert start(**batch) == [record["messageId"] for record in batch["Records"]]

    # Only the first one has been tried: as often as AWS's SDK tries.
    assert len({request.body["name"] for request in step_functions.seen}) == 1
    assert 880 < hidden_for(queue) <= 900
    output = capsys.readouterr().out
    assert "StepFunctionsUnavailableError" in output
    assert "private" not in output


def should_come_back_soon_when_it_is_refused(
    start: Start, step_functions: Gateway, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    step_functions.will(refused(400, "AccessDeniedException"), started(time.time()))
    batch = received(queue, *numbered(2))

    assert start(**batch) == [batch["Records"][0]["messageId"]]

    assert hidden_for(queue) <= 5
    assert "StartExecution was refused: AccessDeniedException" in capsys.readouterr().out


def received(queue: Queue, *events: dict[str, Any]) -> dict[str, Any]:
    """A batch with events that really come from the queue."""
    client = boto3.client("sqs")
    for event in events:
        client.send_message(QueueUrl=queue.url, MessageBody=json.dumps(event))
    messages = client.receive_message(
        QueueUrl=queue.url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=3600,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )["Messages"]
    found = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "attributes": message["Attributes"],
            "eventSource": "aws:sqs",
            "body": message["Body"],
        }
        for message in messages
    ]
    return {"Records": sorted(found, key=lambda record: str(json.loads(record["body"])["id"]))}


def hidden_for(queue: Queue) -> float:
    """Seconds until the first of the queue's messages can be received again, in whole ones."""
    endpoint = boto3.client("sqs").meta.endpoint_url
    answer = urllib3.request("GET", f"{endpoint}/_ministack/sqs/messages", fields={"QueueUrl": queue.url})
    [regions] = answer.json()["messages"].values()
    [[messages]] = [queues.values() for queues in regions.values()]
    return min(float(message["VisibleAt"]) for message in messages) - time.time()


@given(st.uuids(), st.integers(0, 99))
def should_name_an_execution_so_that_its_event_can_be_read(message: Any, index: int) -> None:
    assert execution_name(f"{message}:{index}") == f"{message}-{index}"


IDS = st.text(max_size=200) | st.from_regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:\d+")


@given(st.lists(IDS, unique=True))
def should_never_give_two_events_one_name(ids: list[str]) -> None:
    names = [execution_name(each) for each in ids]

    assert len(set(names)) == len(ids)
    assert all(VALID_NAME.fullmatch(name) for name in names)


@pytest.mark.parametrize(
    "other", [f"{MESSAGE_ID}:00", f"{MESSAGE_ID}:٠", f"{MESSAGE_ID}-0", f"{MESSAGE_ID}:0 ", MESSAGE_ID]
)
def should_tell_ids_apart_that_look_alike(other: str) -> None:
    assert execution_name(other) != execution_name(f"{MESSAGE_ID}:0")


def input_of(record: dict[str, Any] | None, **members: Any) -> tuple[str, str]:
    body = json.dumps(queued(record, **members), ensure_ascii=False)
    return execution_input(Event.parse(body), body), body


def should_leave_room_for_what_the_states_add() -> None:
    given_, body = input_of({"id": 1, "note": "x" * 200_000})

    assert given_ == body
    assert MAX_BYTES <= 262_144 - 32_768


@pytest.mark.parametrize("record", [{"id": 7, "note": "ä" * 150_000}, {"id": "a-key", "note": "x" * 900_000}])
def should_send_an_event_thin_that_is_too_large(record: dict[str, Any]) -> None:
    given_, _ = input_of(record, operation="UPDATE", old_record=record)

    event = Event.parse(given_)
    key = {"id": record["id"]}
    assert (event.record, event.old_record, event.truncated) == (key, key, True)
    assert (event.id, event.type, event.table) == (f"{MESSAGE_ID}:0", "order.created", "orders")


def should_send_a_large_event_without_a_key_thin_too() -> None:
    given_, _ = input_of(None, operation="DELETE", old_record={"note": "x" * 300_000})

    event = Event.parse(given_)
    assert (event.record, event.old_record, event.truncated) == (None, {}, True)


def should_refuse_an_event_that_stays_too_large() -> None:
    with pytest.raises(MalformedMessageError, match="can't be an execution's input"):
        input_of({"id": "x" * 300_000})


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("name", ["WORKER", "QUEUE_URL", "STATE_MACHINE_ARN"])
def should_name_a_setting_that_is_missing(start: Start, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=f"{name} is not set"):
        start(*numbered(1))
