"""From leased messages to their queues. A message is delivered when all of its events are in the queue."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

from bridge import events, queues
from bridge.errors import MalformedMessageError
from redeliver.delivery import Delivery, Failure, Message


def enqueue(messages: Sequence[Message], queue_urls: Mapping[str, str], executor: Executor) -> Delivery:
    """Put the events of messages into their targets' queues."""
    delivery = Delivery()
    entries: list[queues.Entry] = []
    sizes: list[tuple[Message, int]] = []
    for message in messages:
        try:
            bodies = _split(message, queue_urls)
        except MalformedMessageError as error:
            delivery.failed.append((message, Failure(str(error))))
            continue
        entries += bodies
        sizes.append((message, len(bodies)))

    failed = queues.enqueue(entries, executor)
    first = 0
    for message, size in sizes:
        codes = [failed[index] for index in range(first, first + size) if index in failed]
        first += size
        if codes:
            reason = f"{len(codes)} of {size} events could not be enqueued: {codes[-1]}"
            delivery.failed.append((message, Failure(reason)))
        else:
            delivery.delivered.append(message)
            delivery.events += size
    return delivery


def _split(message: Message, queue_urls: Mapping[str, str]) -> list[queues.Entry]:
    if message.target not in queue_urls:
        known = ", ".join(sorted(queue_urls))
        raise MalformedMessageError(
            f'target "{message.target}" of webhook "{message.webhook}" is not deployed; deployed: {known}'
        )
    url = queue_urls[message.target]
    return [queues.Entry(url, body) for body in events.split(message.body)]
