"""Accepting or refusing one message.

The checks run in this order, so that who cannot sign learns nothing: not which webhooks exist, nor what a
message must look like.

1. 403: the source address is not in the allowed ranges
2. 413: the body is larger than a queue message may be
3. 401: the signature is missing, malformed, stale or wrong
4. 404: no such webhook
5. 400: not a message, or one of another webhook
6. 503: not every event is in the queue; whoever sent the message will send it again
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bridge import events, queues, secrets, signing
from bridge.errors import EnqueueError, MalformedMessageError, SignatureError, UnfilledSecretError
from receive_webhook.request import Request
from receive_webhook.settings import Settings

MAX_BODY_BYTES = queues.MAX_BATCH_BYTES
# After a rotation the copy in memory is stale. Forged requests must not turn into as many reads of the entry.
MIN_REREAD_SECONDS = 10.0
_executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix="enqueue")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told.

    Attributes:
        status: the HTTP status.
        body: a JSON object.
        webhook: the webhook, once the signature has proved that it is worth logging.
        message_id: the verified "webhook-id".
        targets: whose queues have the events; None unless it was accepted.
    """

    status: int
    body: Mapping[str, str | int | Mapping[str, str]] = field(default_factory=dict)
    webhook: str | None = None
    message_id: str | None = None
    targets: Sequence[str] | None = None


def receive(request: Request, settings: Settings) -> Answer:
    """Verify a message and put its events into the webhook's queues.

    Raises:
        SecretError: the signing secret cannot be read.
    """
    if not _allowed(request.source_ip, settings.allowed_source_ranges):
        return Answer(403, {"error": "requests from this address are not accepted"})
    if len(request.body) > MAX_BODY_BYTES:
        return Answer(413, {"error": f"the body may hold {MAX_BODY_BYTES} bytes"})
    try:
        attempt = _verify(request, settings.signing_secret_id)
    except SignatureError as error:
        return Answer(401, {"error": str(error)})
    return _accept(request, settings, attempt)


def _accept(request: Request, settings: Settings, attempt: signing.Attempt) -> Answer:
    message_id = attempt.message_id
    if request.webhook not in settings.queues:
        return Answer(404, {"error": f'no webhook "{request.webhook}" is deployed'}, None, message_id)
    queue_urls = settings.queues[request.webhook]
    try:
        accepted = _enqueue(request, list(queue_urls.values()))
    except MalformedMessageError as error:
        return Answer(400, {"error": str(error)}, request.webhook, message_id)
    except EnqueueError as error:
        return Answer(503, {"error": str(error)}, request.webhook, message_id)
    # Any role of the database can forge what pg_net was answered: bridge.settle believes receipts alone. Each
    # queue has its own: in the middle of a deployment these may be others than the database knows.
    body: dict[str, str | int | dict[str, str]] = {
        "accepted": accepted,
        "webhook_id": message_id,
        "receipt": attempt.receipt(),
        "receipts": {target: attempt.receipt(target) for target in queue_urls},
    }
    return Answer(202, body, request.webhook, message_id, list(queue_urls))


def _allowed(address: str, ranges: Iterable[str]) -> bool:
    networks = [ipaddress.ip_network(each) for each in ranges]
    return not networks or any(ipaddress.ip_address(address) in network for network in networks)


def _verify(request: Request, secret_id: str) -> signing.Attempt:
    known = _secrets(secret_id)
    try:
        return signing.verify(request.body, request.headers, known)
    except SignatureError:
        current = _secrets(secret_id, max_age=MIN_REREAD_SECONDS)
        if current == known:
            raise
        return signing.verify(request.body, request.headers, current)


def _secrets(secret_id: str, max_age: float = secrets.LIFETIME_SECONDS) -> list[str]:
    entry = secrets.get(secret_id, max_age=max_age)
    found = [secret for secret in (entry.get("current"), entry.get("previous")) if secret]
    if not found:
        raise UnfilledSecretError(
            f'"current" of secret "{secret_id}" is empty: deploy the stack that makes it'
        )
    return found


def _enqueue(request: Request, queue_urls: Sequence[str]) -> int:
    # The signature covers the body, not the path: a message of one webhook must not pass for another's.
    bodies = events.split(request.body.decode(), webhook=request.webhook)
    if not queue_urls:
        return 0
    entries = [queues.Entry(url, body) for url in queue_urls for body in bodies]
    if failed := queues.enqueue(entries, _executor):
        raise EnqueueError(f"{len(failed)} of {len(entries)} events could not be enqueued")
    return len(bodies)
