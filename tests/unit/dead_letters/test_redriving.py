"""Dead letters leave their queue, back to their worker or for good: those that are chosen, each once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import boto3
import pytest

from tests.unit.dead_letters.worker import Worker, event, ids, moved
from tools.cli import dead_letter_queues
from tools.cli.dead_letter_queues import DeadLetters
from tools.cli.letters import Choice


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
