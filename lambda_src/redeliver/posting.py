"""From leased messages to addresses outside: signed, several at a time, until a target is out of reach.

Nothing here is waited for while queues are served: what is answered is collected as it comes.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge import secrets, signing
from bridge.errors import SecretError
from redeliver.client import CONNECT_SECONDS, Client
from redeliver.delivery import Delivery, Failure, Message

_logger = logging.getLogger(__name__)
# Requests at a time to one target, once it has answered the first; and to all of them.
LANES = 8
MAX_LANES = 32
# One answer that never ends must not keep the others from being recorded.
_GRACE_SECONDS = 2.0
# What a receipt signs; the same in bridge.receipts, and in every receiver.
ACCEPTED = "accepted"
# What says that the target as a whole is out of reach, or wants to be spared. The same in bridge.refuse.
_SPARED = {410, 429, 502, 503, 504}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """An address, and what it takes to post to it.

    Attributes:
        url: with {webhook} for the webhook's name.
        timeout: seconds for an answer.
        secret_id: the Secrets Manager entry with "current" and "previous".
        ordered: one message after another, none before the one before it was accepted.
    """

    url: str
    timeout: float
    secret_id: str
    ordered: bool = False


class Poster:
    """Posts messages to their targets, for the length of one run.

    Args:
        targets: by name.
        client: what posts.
        executor: runs MAX_LANES requests at a time.
        until: of time.monotonic(), after which no message is begun.
    """

    def __init__(
        self, targets: Mapping[str, HttpTarget], client: Client, executor: Executor, *, until: float
    ) -> None:
        self._targets = targets
        self._client = client
        self._executor = executor
        self._until = until
        self._queues: dict[str, _Queue] = {}
        self._lanes: list[Future[None]] = []

    @property
    def waiting(self) -> int:
        """How many messages have not been begun."""
        return sum(len(queue.messages) for queue in self._queues.values())

    @property
    def busy(self) -> bool:
        """Whether any is under way."""
        return any(not lane.done() for lane in self._lanes)

    @property
    def open(self) -> bool:
        """Whether there is time to begin another."""
        return time.monotonic() < self._until

    def add(self, messages: Sequence[Message]) -> None:
        """Begin to post messages, each target's oldest first."""
        for message in messages:
            self._queue_of(message.target).add(message)
        for queue in self._queues.values():
            self._begin_lane(queue)

    def _queue_of(self, name: str) -> "_Queue":
        if name not in self._queues:
            target = self._targets.get(name)
            self._queues[name] = _Queue(ordered=target is not None and target.ordered)
        return self._queues[name]

    def collect(self) -> Delivery:
        """Say what has become of messages since this was asked last."""
        delivery = Delivery()
        for queue in self._queues.values():
            queue.collect(delivery)
            self._begin_lane(queue)
        for lane in [lane for lane in self._lanes if lane.done()]:
            self._lanes.remove(lane)
            if error := lane.exception():
                _logger.error("a message could not be posted", exc_info=error)
        return delivery

    def finish(self) -> Delivery:
        """Wait for what is under way, and say what has become of it and of what was not begun."""
        wait(self._lanes, timeout=max(self._until + slowest(self._targets) - time.monotonic(), 0))
        for queue in self._queues.values():
            queue.close()
        return self.collect()

    def _begin_lane(self, queue: "_Queue") -> None:
        if self.open and queue.begin_lane():
            self._lanes.append(self._executor.submit(self._drain, queue))

    def _drain(self, queue: "_Queue") -> None:
        try:
            while self.open and (message := queue.begin()):
                failure, proven = self._send(message)
                queue.done(message, failure, proven=proven)
                if failure is None:
                    self._begin_lane(queue)
        finally:
            queue.end_lane()

    def _send(self, message: Message) -> tuple[Failure | None, bool]:
        """Post a message; tell why it failed, and whether the answer holds a receipt."""
        target = self._targets.get(message.target)
        if target is None:
            known = ", ".join(sorted(self._targets)) or "none"
            error = (
                f'target "{message.target}" of webhook "{message.webhook}" is not deployed; deployed: {known}'
            )
            return Failure(error), False
        now = datetime.now(UTC)
        try:
            keys = _signing_secrets(target.secret_id)
            headers = signing.sign(message.body, str(message.id), keys, now)
            receipts = signing.sign(ACCEPTED, str(message.id), keys, now)["webhook-signature"].split()
        except SecretError as error:
            return Failure(str(error), None), False
        url = target.url.replace("{webhook}", message.webhook)
        answer = self._client.post(url, message.body, headers, seconds=target.timeout)
        proven = answer.failure is None and any(receipt.encode() in answer.body for receipt in receipts)
        return answer.failure, proven


class _Queue:
    """The messages of one target: those that wait, are under way, and are done.

    Once the target is to be spared no more of them are begun, and those that wait are released. In an ordered
    one each waits for the one before it, and a failed one holds up the others.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self.messages: deque[Message] = deque()
        self._lock = threading.Lock()
        self._lanes = 0
        self._answered = False
        self._spared = False
        self._under_way: list[Message] = []
        self._done: list[tuple[Message, Failure | None]] = []
        self._proven: set[str] = set()

    def add(self, message: Message) -> None:
        """Let a message wait. Of a target that was spared, it asks whether that is back."""
        with self._lock:
            if self._spared:
                self._spared = self._answered = False
            self.messages.append(message)

    def begin_lane(self) -> bool:
        """Take a lane, if there is something for it; the first answer makes room for more of them."""
        with self._lock:
            most = LANES if self._answered and not self._ordered else 1
            if self._spared or not self.messages or self._lanes >= most:
                return False
            self._lanes += 1
            return True

    def end_lane(self) -> None:
        with self._lock:
            self._lanes -= 1

    def begin(self) -> Message | None:
        with self._lock:
            if self._spared or not self.messages:
                return None
            message = self.messages.popleft()
            self._under_way.append(message)
            return message

    def done(self, message: Message, failure: Failure | None, *, proven: bool) -> None:
        with self._lock:
            if proven:
                self._proven.add(message.target)
            if message in self._under_way:
                self._under_way.remove(message)
                self._done.append((message, failure))
            self._answered |= failure is None
            self._spared |= failure is not None and (
                self._ordered or failure.status is None or failure.status in _SPARED
            )

    def collect(self, delivery: Delivery) -> None:
        """Hand over what is done; of a spared target, what waits too."""
        with self._lock:
            for message, failure in self._done:
                if failure is None:
                    delivery.delivered.append(message)
                else:
                    delivery.failed.append((message, failure))
            self._done = []
            delivery.receipts |= self._proven
            self._proven = set()
            if self._spared:
                delivery.released += self.messages
                self.messages.clear()

    def close(self) -> None:
        """Give up what is under way: what is answered later counts no more."""
        with self._lock:
            self._spared = True
            unanswered = Failure("no answer: none in time", None)
            self._done += [(message, unanswered) for message in self._under_way]
            self._under_way = []


def slowest(targets: Mapping[str, HttpTarget]) -> float:
    """Return the seconds within which a message that was begun is answered or given up."""
    longest = max((target.timeout for target in targets.values()), default=0.0)
    return longest + CONNECT_SECONDS + _GRACE_SECONDS


def _signing_secrets(secret_id: str) -> list[str]:
    # Read with both members, so that a receiver that knows either of them accepts the message.
    current = secrets.field(secret_id, "current")
    previous = secrets.get(secret_id).get("previous", "")
    return [secret for secret in (current, previous) if secret]
