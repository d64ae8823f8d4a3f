"""From leased messages to addresses outside: signed, several at a time, until a target is out of reach."""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass

from bridge import secrets, signing
from bridge.errors import SecretError
from redeliver.client import CONNECT_SECONDS, Client
from redeliver.delivery import Delivery, Failure, Message

_logger = logging.getLogger(__name__)
# Requests at a time to one target, and to all of them.
LANES = 8
MAX_LANES = 32
# One answer that never ends must not keep the others from being recorded.
_GRACE_SECONDS = 2.0
# What says that the target as a whole is out of reach, or wants to be spared. The same in bridge.refuse.
_SPARED = {410, 429, 502, 503, 504}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """An address, and what it takes to post to it.

    Attributes:
        url: with {webhook} for the webhook's name.
        timeout: seconds for an answer.
        secret_id: the Secrets Manager entry with "current" and "previous".
    """

    url: str
    timeout: float
    secret_id: str


class Poster:
    """Posts messages to their targets.

    Args:
        targets: by name.
        client: what posts.
    """

    def __init__(self, targets: Mapping[str, HttpTarget], client: Client) -> None:
        self._targets = targets
        self._client = client

    def post(self, messages: Sequence[Message], executor: Executor, *, seconds: float) -> Delivery:
        """Post messages; each target's oldest first, and no further once it is out of reach.

        Args:
            messages: of any of the targets.
            executor: runs MAX_LANES requests at a time.
            seconds: after which no further message is begun.
        """
        until = time.monotonic() + seconds
        waiting: dict[str, deque[Message]] = {}
        for message in messages:
            waiting.setdefault(message.target, deque()).append(message)
        queues = [_Waiting(name, queue) for name, queue in waiting.items()]
        lanes = [
            executor.submit(self._drain, queue, until)
            for queue in queues
            for _ in range(min(LANES, len(queue.messages)))
        ]
        wait(lanes, timeout=seconds + self.slowest)
        delivery = Delivery()
        for queue in queues:
            queue.end(delivery)
        for lane in lanes:
            if lane.done() and (error := lane.exception()):
                _logger.error("a message could not be posted", exc_info=error)
        return delivery

    @property
    def slowest(self) -> float:
        """Seconds within which a message that was begun is answered or given up."""
        longest = max((target.timeout for target in self._targets.values()), default=0.0)
        return longest + CONNECT_SECONDS + _GRACE_SECONDS

    def _drain(self, queue: "_Waiting", until: float) -> None:
        while time.monotonic() < until and (message := queue.begin()):
            queue.done(message, self._send(message))

    def _send(self, message: Message) -> Failure | None:
        target = self._targets.get(message.target)
        if target is None:
            known = ", ".join(sorted(self._targets)) or "none"
            return Failure(
                f'target "{message.target}" of webhook "{message.webhook}" is not deployed; deployed: {known}'
            )
        try:
            headers = signing.sign(message.body, str(message.id), _signing_secrets(target.secret_id))
        except SecretError as error:
            return Failure(str(error), None)
        url = target.url.replace("{webhook}", message.webhook)
        return self._client.post(url, message.body, headers, seconds=target.timeout)


class _Waiting:
    """The messages of one target: those that wait, are under way, and are done."""

    def __init__(self, name: str, messages: deque[Message]) -> None:
        self.name = name
        self.messages = messages
        self._lock = threading.Lock()
        self._under_way: list[Message] = []
        self._done: list[tuple[Message, Failure | None]] = []
        self._spared = False

    def begin(self) -> Message | None:
        with self._lock:
            if self._spared or not self.messages:
                return None
            message = self.messages.popleft()
            self._under_way.append(message)
            return message

    def done(self, message: Message, failure: Failure | None) -> None:
        with self._lock:
            if message in self._under_way:
                self._under_way.remove(message)
                self._done.append((message, failure))
            self._spared |= failure is not None and (failure.status is None or failure.status in _SPARED)

    def end(self, delivery: Delivery) -> None:
        """Say what became of each; what answers later counts no more."""
        with self._lock:
            self._spared = True
            for message, failure in self._done:
                if failure is None:
                    delivery.delivered.append(message)
                else:
                    delivery.failed.append((message, failure))
            unanswered = Failure("no answer: none in time", None)
            delivery.failed += [(message, unanswered) for message in self._under_way]
            delivery.released += self.messages
            self._under_way = []


def _signing_secrets(secret_id: str) -> list[str]:
    # Read with both members, so that a receiver that knows either of them accepts the message.
    current = secrets.field(secret_id, "current")
    previous = secrets.get(secret_id).get("previous", "")
    return [secret for secret in (current, previous) if secret]
