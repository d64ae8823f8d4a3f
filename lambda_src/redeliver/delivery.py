"""From leased messages to their queues. A message is delivered when all of its events are in the queue."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from uuid import UUID

from bridge import events, queues
from bridge.errors import MalformedMessageError
from redeliver.outbox import Message


@dataclass(slots=True)
class Delivery:
    """What became of leased messages.

    Attributes:
        delivered: messages whose events are all in their queue.
        failed: of each other message, why.
        events: how many events were enqueued for the delivered ones.
    """

    delivered: list[UUID] = field(default_factory=list)
    failed: dict[UUID, str] = field(default_factory=dict)
    events: int = 0


def deliver(messages: Sequence[Message], queue_urls: Mapping[str, str], executor: Executor) -> Delivery:
    """Put the events of messages into their targets' queues."""
    delivery = Delivery()
    entries: list[queues.Entry] = []
    owners: list[UUID] = []
    for message in messages:
        try:
            bodies = _split(message, queue_urls)
        except MalformedMessageError as error:
            delivery.failed[message.id] = str(error)
            continue
        entries += bodies
        owners += [message.id] * len(bodies)

    missing = Counter[UUID]()
    codes: dict[UUID, str] = {}
    for index, code in queues.enqueue(entries, executor).items():
        missing[owners[index]] += 1
        codes[owners[index]] = code
    sizes = Counter(owners)
    for message in messages:
        if message.id in missing:
            count = f"{missing[message.id]} of {sizes[message.id]} events"
            delivery.failed[message.id] = f"{count} could not be enqueued: {codes[message.id]}"
        elif message.id not in delivery.failed:
            delivery.delivered.append(message.id)
            delivery.events += sizes[message.id]
    return delivery


def _split(message: Message, queue_urls: Mapping[str, str]) -> list[queues.Entry]:
    if message.target not in queue_urls:
        known = ", ".join(sorted(queue_urls))
        raise MalformedMessageError(
            f'target "{message.target}" of webhook "{message.webhook}" is not deployed; deployed: {known}'
        )
    url = queue_urls[message.target]
    return [queues.Entry(url, body) for body in events.split(message.body)]
