"""What workers could not process: where it is, and how it is looked at, goes back or goes for good.

AWS's own StartMessageMoveTask moves a whole queue: it can't choose by event or webhook, and the emulator
doesn't have it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from botocore.exceptions import ClientError

from stacks.names import camel_case, dead_letter_queue_name, queue_name
from stacks.settings import Settings
from tools.cli.letters import Choice, Letter
from tools.cli.stage import CommandError

if TYPE_CHECKING:
    from types import TracebackType

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

# What was received is hidden from others for so long, unless it is given back: time to go through a queue.
HIDDEN_SECONDS = 120
# Long polling asks all of SQS's servers: an empty answer means that nothing is there.
WAIT_SECONDS = 1
BATCH = 10
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MAX_BATCH_BYTES = 1_048_576


class DeadLetterError(CommandError):
    """Something can't be done; the message is for whoever runs the command."""


@dataclass(frozen=True)
class WorkerQueues:
    """A worker's queues, by their URLs.

    Attributes:
        worker: its name.
        events: what it is sent.
        dead_letters: what it could not process.
    """

    worker: str
    events: str
    dead_letters: str

    @property
    def ordered(self) -> bool:
        """Whether they are FIFO queues."""
        return self.dead_letters.endswith(".fifo")


def queues_of(outputs: Mapping[str, str], settings: Settings) -> dict[str, WorkerQueues]:
    """Name the queues of workers; those not deployed, by the outputs of the bridge stack, are left out."""
    workers = [worker for worker in settings.workers if f"Worker{camel_case(worker)}" in outputs]
    return {worker: _queues_of(worker, outputs["QueueAddress"], settings) for worker in workers}


def _queues_of(worker: str, address: str, settings: Settings) -> WorkerQueues:
    ordered = worker in settings.ordered_targets
    events = queue_name(settings.stage_name, worker, ordered=ordered)
    dead_letters = dead_letter_queue_name(settings.stage_name, worker, ordered=ordered)
    return WorkerQueues(worker, f"{address}{events}", f"{address}{dead_letters}")


class DeadLetters:
    """The dead letters of one worker."""

    def __init__(self, client: "SQSClient", queues: WorkerQueues) -> None:
        self._client = client
        self._queues = queues

    @property
    def ordered(self) -> bool:
        """Whether each row's are behind each other."""
        return self._queues.ordered

    def count(self) -> tuple[int, int]:
        """Return how many there are, and how many more somebody is looking at; SQS's figures lag a little."""
        attributes = self._client.get_queue_attributes(
            QueueUrl=self._queues.dead_letters,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return (
            int(attributes["ApproximateNumberOfMessages"]),
            int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        )

    def look(self, choice: Choice, most: int) -> list[Letter]:
        """Return at most so many, oldest first, and leave them where they are."""
        found: list[Letter] = []
        with _Hand(self._client, self._queues.dead_letters) as hand:
            for batch in hand.receive():
                found += [letter for letter in batch if letter in choice]
                if len(found) >= most:
                    break
        return sorted(found[:most], key=lambda letter: letter.at)

    def redrive(self, choice: Choice, most: int | None = None) -> Iterator[list[Letter]]:
        """Send them back to the worker's queue, yielding those that are there and here no more.

        Sent first, deleted after: an interruption leaves one in both queues, and the worker drops what it has
        handled. Two at once take different ones.

        Raises:
            DeadLetterError: SQS didn't take one; it is still here, and so are all after it.
        """
        return self._take(choice, most, self._send)

    def discard(self, choice: Choice, most: int | None = None) -> Iterator[list[Letter]]:
        """Delete them for good, yielding those that are gone."""
        return self._take(choice, most, lambda _letters: {})

    def _take(
        self, choice: Choice, most: int | None, send: Callable[[Sequence[Letter]], dict[str, str]]
    ) -> Iterator[list[Letter]]:
        # An event that fails again comes back while this runs, as another message: taken once more, it would
        # never end.
        events: set[str] = set()
        count = 0
        with _Hand(self._client, self._queues.dead_letters) as hand:
            for batch in hand.receive():
                meant = [letter for letter in batch if letter in choice and letter.event_id not in events]
                meant = meant if most is None else meant[: most - count]
                refused = send(meant) if meant else {}
                taken = hand.delete([letter for letter in meant if letter.id not in refused])
                events |= {letter.event_id for letter in taken if letter.event_id}
                count += len(taken)
                if taken:
                    yield taken
                if refused:
                    reasons = ", ".join(sorted(set(refused.values())))
                    raise DeadLetterError(
                        f"SQS did not take all of them ({reasons}); these are where they were"
                    )
                if count == most:
                    return

    def _send(self, letters: Sequence[Letter]) -> dict[str, str]:
        """Send them; return the ids of those that SQS didn't take, each with its reason."""
        if self._queues.ordered:
            return self._send_in_order(letters)
        refused: dict[str, str] = {}
        for part in _parts(letters):
            answer = self._client.send_message_batch(
                QueueUrl=self._queues.events, Entries=[_entry(letter) for letter in part]
            )
            refused |= {failure["Id"]: failure["Code"] for failure in answer.get("Failed", [])}
        return refused

    def _send_in_order(self, letters: Sequence[Letter]) -> dict[str, str]:
        # One by one: of a batch, some could be taken behind one that isn't.
        for index, letter in enumerate(letters):
            entry = _entry(letter)
            try:
                self._client.send_message(
                    QueueUrl=self._queues.events,
                    MessageBody=entry["MessageBody"],
                    MessageAttributes=entry["MessageAttributes"],
                    MessageGroupId=letter.message["Attributes"]["MessageGroupId"],
                    # A new one: SQS would take the old one for a repetition and drop it, for five minutes.
                    MessageDeduplicationId=str(uuid4()),
                )
            except ClientError as error:
                return dict.fromkeys((later.id for later in letters[index:]), error.response["Error"]["Code"])
        return {}


class _Hand:
    """What was received from a queue: whatever isn't deleted is given back in the end."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url
        self._held: dict[str, str] = {}
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        handles = list(self._held.values())
        for first in range(0, len(handles), BATCH):
            # One that SQS refuses comes back by itself, a little later.
            self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for index, handle in enumerate(handles[first : first + BATCH])
                ],
            )

    def receive(self) -> Iterator[list[Letter]]:
        """Receive what is there, each once, until nothing new comes."""
        while messages := self._receive():
            new = [Letter.parse(message) for message in messages if message["MessageId"] not in self._seen]
            self._held |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            self._seen |= self._held.keys()
            if not new:
                return
            yield new

    def _receive(self) -> "list[MessageTypeDef]":
        return self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])

    def delete(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete them; return those that are gone."""
        if not letters:
            return []
        answer = self._client.delete_message_batch(
            QueueUrl=self._url,
            Entries=[{"Id": letter.id, "ReceiptHandle": self._held[letter.id]} for letter in letters],
        )
        gone = {success["Id"] for success in answer.get("Successful", [])}
        for identifier in gone:
            del self._held[identifier]
        return [letter for letter in letters if letter.id in gone]


def _entry(letter: Letter) -> "SendMessageBatchRequestEntryTypeDef":
    return {
        "Id": letter.id,
        "MessageBody": letter.body,
        "MessageAttributes": letter.message.get("MessageAttributes", {}),
    }


def _parts(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """At most ten letters, in as many requests as their size takes."""
    part: list[Letter] = []
    used = 0
    for letter in letters:
        size = len(letter.body.encode())
        if part and used + size > MAX_BATCH_BYTES:
            yield part
            part, used = [], 0
        part.append(letter)
        used += size
    if part:
        yield part
