"""Dead letters of workers, looked at and sent back, against the emulated SQS."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from scripts import dead_letter_queues
from scripts.dead_letter_queues import Choice, DeadLetters, Letter, WorkerQueues
from scripts.dead_letters import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


def event(number: int, webhook: str = "order.created") -> str:
    return json.dumps(
        {
            "type": webhook,
            "timestamp": f"2026-11-23T15:{number // 60:02}:{number % 60:02}Z",
            "transaction": {"id": "1", "actor": None, "role": "postgres"},
            "id": f"message:{number}",
            "record": {"id": number, "email": "ada@example.com"},
        }
    )


def ids(letters: list[str]) -> list[str]:
    return [json.loads(body)["id"] for body in letters]


class Worker:
    """The two queues of one test, as the bridge stack makes them."""

    def __init__(self, client: SQSClient, *, ordered: bool = False) -> None:
        self.client = client
        name, suffix = f"test-{uuid4()}", ".fifo" if ordered else ""
        self._attributes: Any = {"FifoQueue": "true"} if ordered else {}
        self.events = self._make(name + suffix)
        self.dead_letters = self._make(f"{name}-dead-letter{suffix}")
        self.queues = WorkerQueues("process_order", self.events, self.dead_letters)

    def _make(self, name: str) -> str:
        return self.client.create_queue(QueueName=name, Attributes=self._attributes)["QueueUrl"]

    @property
    def letters(self) -> DeadLetters:
        return DeadLetters(self.client, self.queues)

    def die(self, *bodies: str, group: str | None = None) -> None:
        """Put what a worker could not process where it goes."""
        for body in bodies:
            fifo: Any = {"MessageGroupId": group, "MessageDeduplicationId": str(uuid4())} if group else {}
            self.client.send_message(QueueUrl=self.dead_letters, MessageBody=body, **fifo)

    def received(self, url: str) -> list[str]:
        """Every body that can be received at once, deleted as it comes."""
        found: list[str] = []
        while messages := self.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one server here, which knows at once that nothing is there."""
    monkeypatch.setattr(dead_letter_queues, "WAIT_SECONDS", 0)


@pytest.fixture
def client(aws: None) -> Iterator[SQSClient]:  # noqa: ARG001
    made: SQSClient = boto3.client("sqs")
    yield made
    made.close()


@pytest.fixture
def worker(client: SQSClient) -> Worker:
    return Worker(client)


@pytest.fixture
def ordered(client: SQSClient) -> Worker:
    return Worker(client, ordered=True)


def moved(batches: Iterator[list[Letter]]) -> list[str | None]:
    return [letter.event_id for batch in batches for letter in batch]


def should_look_at_all_and_leave_them(worker: Worker) -> None:
    worker.die(*map(event, range(25)))
    found = worker.letters.look(Choice(), 100)
    assert [letter.event_id for letter in found] == [f"message:{number}" for number in range(25)]
    assert found[3].webhook == "order.created"
    assert found[3].at.isoformat() == "2026-11-23T15:00:03+00:00"
    assert sorted(ids(worker.received(worker.dead_letters))) == sorted(ids([*map(event, range(25))]))


def should_look_at_no_more_than_asked_for(worker: Worker) -> None:
    worker.die(*map(event, range(25)))
    assert len(worker.letters.look(Choice(), 12)) == 12
    assert worker.letters.count() == (25, 0)


def should_say_how_many_somebody_is_looking_at(worker: Worker) -> None:
    worker.die(*map(event, range(3)))
    worker.client.receive_message(QueueUrl=worker.dead_letters, VisibilityTimeout=60)
    assert worker.letters.count() == (2, 1)


def should_send_all_back_as_they_were(worker: Worker) -> None:
    bodies = [event(number) for number in range(25)]
    worker.die(*bodies)
    assert len(moved(worker.letters.redrive(Choice()))) == 25
    assert sorted(worker.received(worker.events)) == sorted(bodies)
    assert worker.received(worker.dead_letters) == []


def should_send_back_what_is_no_event(worker: Worker) -> None:
    worker.die("not JSON", '["a list"]', '{"id": 7, "timestamp": "yesterday"}')
    assert moved(worker.letters.redrive(Choice())) == [None, None, None]
    assert len(worker.received(worker.events)) == 3


def should_keep_a_messages_attributes(worker: Worker) -> None:
    attributes: Any = {"tenant": {"DataType": "String", "StringValue": "a"}}
    worker.client.send_message(
        QueueUrl=worker.dead_letters, MessageBody=event(1), MessageAttributes=attributes
    )
    moved(worker.letters.redrive(Choice()))
    [message] = worker.client.receive_message(QueueUrl=worker.events, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert message["MessageAttributes"] == attributes


def should_do_nothing_with_an_empty_queue(worker: Worker) -> None:
    assert moved(worker.letters.redrive(Choice())) == []
    assert worker.letters.look(Choice(), 10) == []
    assert worker.letters.count() == (0, 0)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(webhook="order.changed"), ["message:5", "message:17"]),
        (Choice(event_ids=frozenset({"message:2", "message:30"})), ["message:2", "message:30"]),
        (Choice(event_ids=frozenset({"message:2", "message:5"}), webhook="order.changed"), ["message:5"]),
        (Choice(webhook="order.deleted"), []),
    ],
)
def should_send_back_what_is_chosen_and_leave_the_rest(
    worker: Worker, choice: Choice, expected: list[str]
) -> None:
    changed = {5, 17}
    worker.die(*(event(n, "order.changed" if n in changed else "order.created") for n in range(31)))
    moved(worker.letters.redrive(choice))
    assert sorted(ids(worker.received(worker.events))) == sorted(expected)
    # Given back, not only left: they can be received at once.
    assert len(worker.received(worker.dead_letters)) == 31 - len(expected)


def should_send_back_no_more_than_the_limit(worker: Worker) -> None:
    worker.die(*map(event, range(25)))
    assert len(moved(worker.letters.redrive(Choice(), 13))) == 13
    assert len(worker.received(worker.events)) == 13
    assert len(worker.received(worker.dead_letters)) == 12


def should_leave_an_event_that_fails_again_meanwhile(worker: Worker) -> None:
    worker.die(*map(event, range(12)))
    found: list[str | None] = []
    for batch in worker.letters.redrive(Choice()):
        found += [letter.event_id for letter in batch]
        # The worker is quick, and still can't process them.
        worker.die(*worker.received(worker.events))
    assert len(found) == len(set(found)) == 12
    assert len(worker.received(worker.dead_letters)) == 12


def should_lose_nothing_when_interrupted_between_sending_and_deleting(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.die(*map(event, range(15)))

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(worker.client, "delete_message_batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            moved(worker.letters.redrive(Choice()))
    assert len(moved(worker.letters.redrive(Choice()))) == 15

    arrived = Counter(ids(worker.received(worker.events)))
    assert arrived.keys() == {f"message:{number}" for number in range(15)}
    assert max(arrived.values()) == 2
    assert worker.received(worker.dead_letters) == []


def should_keep_here_what_sqs_does_not_take(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.die(event(1), event(2))
    send = worker.client.send_message_batch

    def half(*, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        answer = send(QueueUrl=QueueUrl, Entries=Entries[:1])
        return {**answer, "Failed": [{"Id": Entries[1]["Id"], "Code": "InternalError"}]}

    monkeypatch.setattr(worker.client, "send_message_batch", half)
    with pytest.raises(dead_letter_queues.DeadLetterError, match="InternalError"):
        moved(worker.letters.redrive(Choice()))
    assert len(worker.received(worker.events)) == 1
    assert len(worker.received(worker.dead_letters)) == 1


def should_keep_in_mind_how_much_a_request_may_hold(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letter_queues, "MAX_BATCH_BYTES", 2 * len(event(10)))
    sizes: list[int] = []
    send = worker.client.send_message_batch

    def counted(**request: Any) -> Any:
        sizes.append(len(request["Entries"]))
        return send(**request)

    monkeypatch.setattr(worker.client, "send_message_batch", counted)
    worker.die(*(event(number) for number in range(10, 15)))
    moved(worker.letters.redrive(Choice()))
    assert sizes == [2, 2, 1]


def should_take_different_ones_when_two_run_at_once(worker: Worker) -> None:
    worker.die(*map(event, range(60)))
    found: list[str | None] = []

    def run() -> None:
        client = boto3.session.Session().client("sqs")
        found.extend(moved(DeadLetters(client, worker.queues).redrive(Choice())))
        client.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) == 60
    assert len(worker.received(worker.events)) == 60
    assert worker.received(worker.dead_letters) == []


def should_send_back_in_order_within_each_group(ordered: Worker) -> None:
    for number in range(12):
        ordered.die(event(number), group=f"order {number % 2}")
    assert len(moved(ordered.letters.redrive(Choice()))) == 12
    arrived = [int(each.removeprefix("message:")) for each in ids(ordered.received(ordered.events))]
    assert [number for number in arrived if number % 2 == 0] == [0, 2, 4, 6, 8, 10]
    assert [number for number in arrived if number % 2 == 1] == [1, 3, 5, 7, 9, 11]


def should_send_back_the_same_ordered_event_twice_in_a_minute(ordered: Worker) -> None:
    ordered.die(event(1), group="order 1")
    for _ in range(2):
        assert moved(ordered.letters.redrive(Choice())) == ["message:1"]
        [body] = ordered.received(ordered.events)
        ordered.die(body, group="order 1")
    assert len(ordered.received(ordered.dead_letters)) == 1


def should_leave_what_comes_after_an_ordered_one_that_sqs_does_not_take(
    ordered: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered.die(*map(event, range(3)), group="order 1")
    send = ordered.client.send_message

    def refusing(**request: Any) -> Any:
        if "message:1" in request["MessageBody"]:
            error: Any = {"Error": {"Code": "ThrottlingException"}}
            raise ordered.client.exceptions.ClientError(error, "SendMessage")
        return send(**request)

    monkeypatch.setattr(ordered.client, "send_message", refusing)
    with pytest.raises(dead_letter_queues.DeadLetterError, match="ThrottlingException"):
        moved(ordered.letters.redrive(Choice()))
    assert ids(ordered.received(ordered.events)) == ["message:0"]
    assert ids(ordered.received(ordered.dead_letters)) == ["message:1", "message:2"]


def should_delete_for_good_only_what_is_chosen(worker: Worker) -> None:
    worker.die(event(1), event(2))
    assert moved(worker.letters.discard(Choice(event_ids=frozenset({"message:2"})))) == ["message:2"]
    assert worker.received(worker.events) == []
    assert ids(worker.received(worker.dead_letters)) == ["message:1"]


# The command


@pytest.fixture
def deployed(client: SQSClient) -> Iterator[dict[str, Worker]]:
    """A bridge stack that gives out two of the three workers' queues."""
    workers = {"process_order": Worker(client), "render_receipt": Worker(client)}
    outputs = {
        "QueueProcessOrder": workers["process_order"].events,
        "DeadLetterQueueProcessOrder": workers["process_order"].dead_letters,
        "QueueRenderReceipt": workers["render_receipt"].events,
        "DeadLetterQueueRenderReceipt": workers["render_receipt"].dead_letters,
    }
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


def run(*arguments: str) -> None:
    main([*arguments, "--stage", "prod", "--region", "us-east-1"])


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
        main(["list", "--stage", "prd"])


def should_refuse_a_limit_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("redrive", "process_order", "--limit", "0")
    assert "it must be a number from 1 on" in capsys.readouterr().err
