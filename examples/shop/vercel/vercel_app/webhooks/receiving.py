"""POST /api/webhook/{webhook}: accepting or refusing one message.

The checks run in this order, so that who can't sign learns nothing: not which webhooks exist, nor what a
message must look like.

1. 413: the body is larger than a message may be
2. 401: the signature is missing, malformed, stale or wrong
3. 404: no such webhook
4. 400: not a message, or one of another webhook
5. 500, 503 or 504: not every event took effect; whoever sent the message will send it again
"""

import time
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from vercel_app import bodies, logs
from vercel_app.answers import answer, problem
from vercel_app.deadline import Deadline
from vercel_app.errors import HttpError, SignatureError
from vercel_app.instance import Instance
from vercel_app.settings import Settings
from vercel_app.webhooks import processing
from vercel_app.webhooks.handlers import HANDLERS
from vercel_app.webhooks.message import Event, parse
from vercel_app.webhooks.processing import Handler
from vercel_app.webhooks.signature import Attempt, verify

# The database's messages have at most 200 kB; Vercel takes 4.5 MB.
MAX_BYTES = 1_048_576
# Below the 15 seconds that the sender waits, unless bridge.toml says otherwise: it shall hear of it.
SECONDS = 13.0
# Sent at each deployment of the bridge, without events.
PING = "bridge.ping"


async def receive(request: Request) -> Response:
    """Verify a message and handle its events."""
    deadline = Deadline(SECONDS)
    instance = Instance.of(request)
    webhook: str = request.path_params["webhook"]
    body = await bodies.read(request, MAX_BYTES)
    attempt = _verified(request, body, instance.settings)
    handle = _handler(webhook)
    events = parse(body, webhook)
    failed = await _handle(events, handle, instance, deadline)
    message_id = attempt.message_id
    logs.info("webhook answered", webhook=webhook, webhook_id=message_id, events=len(events), failed=failed)
    if failed:
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"{failed} of {len(events)} events failed")
    # Any role of the database can forge what pg_net was answered: what counts there is the receipt.
    accepted = {"accepted": len(events), "webhook_id": message_id, "receipt": attempt.receipt()}
    return answer(HTTPStatus.ACCEPTED, accepted)


def _verified(request: Request, body: bytes, settings: Settings) -> Attempt:
    headers = {name: ",".join(request.headers.getlist(name)) for name in request.headers}
    try:
        return verify(body, headers, settings.signing_secrets, time.time())
    except SignatureError as error:
        raise HttpError(HTTPStatus.UNAUTHORIZED, str(error)) from None


def _handler(webhook: str) -> Handler:
    if webhook == PING:
        return _nothing
    if webhook not in HANDLERS:
        raise HttpError(HTTPStatus.NOT_FOUND, f'no webhook "{webhook}" is known')
    return HANDLERS[webhook]


async def _nothing(*_: object) -> None:
    """Do nothing."""


async def _handle(events: list[Event], handle: Handler, instance: Instance, deadline: Deadline) -> int:
    if not events:
        return 0
    async with instance.database.in_use():
        return await processing.process(events, handle, instance.database, deadline)
