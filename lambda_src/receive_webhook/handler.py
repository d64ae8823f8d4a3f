"""The Lambda function behind POST /webhooks/{webhook}."""

import functools
import json
import logging
from typing import Any

from bridge import environment, logs, queues, secrets
from bridge.errors import SecretError
from receive_webhook.receiving import Answer, receive
from receive_webhook.request import Request
from receive_webhook.settings import Settings

_logger = logs.logger("receive_webhook")
# Receipts are the sender's alone.
_LOGGED = ("accepted", "webhook_id", "error")
# Lambda starts a function at full speed, whatever its memory: what every request needs is made here.
queues.client()
secrets.client()


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(environment.variables())


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a request of API Gateway's HTTP API, payload format 2.0."""
    request = Request.from_event(event)
    try:
        answer = receive(request, settings())
    except SecretError as error:
        _logger.error("%s", error)  # noqa: TRY400  # the message says it all
        answer = Answer(503, {"error": "the signing secret cannot be read"})
    _log(request, answer)
    return {
        "statusCode": answer.status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(answer.body),
    }


def _log(request: Request, answer: Answer) -> None:
    level = logging.INFO if answer.status < 400 else logging.WARNING  # noqa: PLR2004  # HTTP's own number
    fields: dict[str, Any] = {
        "status": answer.status,
        "webhook": answer.webhook,
        "message_id": answer.message_id,
        "bytes": len(request.body),
        **{name: answer.body[name] for name in _LOGGED if name in answer.body},
    }
    if answer.targets is not None:
        fields["targets"] = answer.targets
    _logger.log(level, "webhook answered", extra={"fields": fields})
