"""From leased messages to their queues. A message is delivered when all of its events are in the queue."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

from bridge import events, queues
from bridge.errors import MalformedMessageError
from redeliver import ordering
from redeliver.delivery import Delivery, Failure, Message


def enqueue(messages: Sequence[Message], queue_urls: Mapping[str, str], executor: Executor) -> Delivery:
    """Put the events of messages into their targets' queues.

    Of messages to a FIFO queue, one that only waits for an earlier one is released: it has not failed.

    Args:
        messages: leased ones, in the order in which they were written.
        queue_urls: each target's queue URL.
        executor: sends batches side by side.
    """
    delivery = Delivery()
    ordered: list[Message] = []
    others: list[Message] = []
    for message in messages:
        in_order = ordering.is_ordered(queue_urls.get(message.target, ""))
        (ordered if in_order else others).append(message)
    _enqueue(others, queue_urls, executor, delivery)
    _enqueue(ordered, queue_urls, executor, delivery)
    return delivery


def _enqueue(
    messages: Sequence[Message], queue_urls: Mapping[str, str], executor: Executor, delivery: Delivery
) -> None:
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

    in_order = bool(entries) and bool(entries[0].group)
    failed = (ordering if in_order else queues).enqueue(entries, executor)
    first = 0
    for message, size in sizes:
        codes = [failed[index] for index in range(first, first + size) if index in failed]
        first += size
        _judge(message, size, codes, delivery)


def _judge(message: Message, size: int, codes: Sequence[str], delivery: Delivery) -> None:
    own = [code for code in codes if code != ordering.WAITS]
    if own:
        reason = f"{len(codes)} of {size} events could not be enqueued: {own[-1]}"
        delivery.failed.append((message, Failure(reason)))
    elif codes:
        delivery.released.append(message)
    else:
        delivery.delivered.append(message)
        delivery.events += size


def _split(message: Message, queue_urls: Mapping[str, str]) -> list[queues.Entry]:
    if message.target not in queue_urls:
        known = ", ".join(sorted(queue_urls))
        raise MalformedMessageError(
            f'target "{message.target}" of webhook "{message.webhook}" is not deployed; deployed: {known}'
        )
    url = queue_urls[message.target]
    make = ordering.entry if ordering.is_ordered(url) else queues.Entry
    return [make(url, body) for body in events.split(message.body)]
