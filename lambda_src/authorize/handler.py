"""The Lambda authorizer of the HTTP functions' routes (payload format 2.0, simple responses).

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import functools
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from authorize.errors import DeniedError
from authorize.settings import Settings
from authorize.tokens import Verifier
from bridge import environment, logs, secrets
from bridge.failures import describe

_logger = logs.logger("authorize")
# Lambda starts a function at full speed, whatever its memory: what every request needs is made here.
secrets.client()


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(environment.variables())


@functools.cache
def verifier() -> Verifier:
    return Verifier(settings())


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Say whether a request may pass, and who is calling.

    Args:
        event: as API Gateway sends it, with "routeKey" and "headers", whose names are in lower case.

    Returns:
        "isAuthorized", and if it is true the "context" for the function, all of it text: "role", "subject",
        "claims" (JSON) and "expires_at" (seconds since 1970).

    Raises:
        BridgeError: it can't be told; API Gateway answers 500.
    """
    try:
        claims = _authorize(event)
    except DeniedError as error:
        _report(event, logging.WARNING, "request denied", "RequestDenied", reason=error.reason)
        return {"isAuthorized": False}
    except Exception as error:
        _report(event, logging.ERROR, "request undecided", "RequestUndecided", **describe(error))
        raise
    caller = {"role": claims["role"], "subject": claims.get("sub") or ""}
    _report(event, logging.INFO, "request allowed", "RequestAllowed", **caller)
    context = {
        **caller,
        "claims": json.dumps(claims, separators=(",", ":")),
        "expires_at": str(int(claims["exp"])),
    }
    return {"isAuthorized": True, "context": context}


def _authorize(event: Mapping[str, Any]) -> dict[str, Any]:
    roles = settings().routes.get(event["routeKey"])
    if roles is None:
        raise DeniedError("route")
    scheme, _, token = event["headers"].get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise DeniedError("scheme")
    claims = verifier().verify(token.strip())
    if claims["role"] not in roles:
        raise DeniedError("role")
    return claims


def _report(event: Mapping[str, Any], level: int, message: str, metric: str, **fields: Any) -> None:
    """Write one line that is both: a log entry, and a metric that CloudWatch takes from it.

    By hand, because importing Powertools adds a fifth to the time that this function takes to start:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    known = settings()
    emf = {
        "Timestamp": int(time.time() * 1_000),
        "CloudWatchMetrics": [
            {
                "Namespace": known.namespace,
                "Dimensions": [["function"]],
                "Metrics": [{"Name": metric, "Unit": "Count"}],
            }
        ],
    }
    fields |= {"route": event.get("routeKey"), "request_id": _request_id(event)}
    line = {**fields, "function": known.function, metric: 1, "_aws": emf}
    _logger.log(level, message, extra={"fields": line})


def _request_id(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId", ""))
