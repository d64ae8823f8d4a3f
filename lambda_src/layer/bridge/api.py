"""HTTP functions behind API Gateway: routes, validated bodies, problem details, callers, conditional answers.

The router and the validation are Powertools'. Here is what every function of this house answers alike.
"""

import base64
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge import caching, json_text
from bridge.declaring import cached_responses, headers, problems
from bridge.environment import required
from bridge.errors import SettingsError
from bridge.failures import describe
from bridge.problems import MEDIA_TYPE, Problem, problem_of, unauthorized, unsupported_media_type

__all__ = [
    "Caller",
    "Handler",
    "Problem",
    "Resolver",
    "cached",
    "cached_responses",
    "caller",
    "created",
    "handler",
    "headers",
    "problems",
    "request_id",
    "resolver",
]

# API Gateway may answer from the authorizer's earlier decision, and clocks differ.
LEEWAY_SECONDS = 30
_JSON = "application/json"
_PARAMETER = re.compile(r"<(\w+)>")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SERVER_ERROR = 500
_CLIENT_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as the authorizer verified it.

    Attributes:
        role: the database role, such as "authenticated".
        subject: the user's id; "" for a token that has none.
        claims: all claims of the token.
        token: the token itself, to be passed on to Supabase as this caller.
    """

    role: str
    subject: str
    claims: Mapping[str, Any]
    token: str = field(repr=False)


class Resolver(APIGatewayHttpResolver):
    """Powertools' resolver, which can also tell the methods of a path."""

    def allowed_methods(self, path: str) -> list[str]:
        """Return the methods for which this path has a route."""
        routes = self._static_routes + self._dynamic_routes
        return sorted({route.method for route in routes if route.rule.match(path)})

    def route_key(self, method: str, path: str) -> str | None:
        """Return the route that would answer this request, in API Gateway's words; None: there is none."""
        for route in self._static_routes + self._dynamic_routes:
            if route.method == method and route.rule.match(path):
                return f"{method} " + _PARAMETER.sub(r"{\1}", route.path)
        return None

    def prepare(self) -> None:
        """Build what validation needs: Lambda starts a function at full speed, whatever its memory."""
        for route in self._static_routes + self._dynamic_routes:
            _ = route.dependant


def resolver() -> Resolver:
    """Make the resolver of a function: its routes are added with `@app.get("/path")` and so on.

    Parameters and bodies are validated by the annotations of a route's function, answers too.
    """
    app = Resolver(
        enable_validation=True, response_validation_error_http_code=500, json_body_deserializer=_decode
    )
    app.use(middlewares=[_conditionally])
    return app


def cached(app: Resolver, body: Any, *, max_age: int = 0) -> Response[Any]:
    """Answer 200 with an ETag, or 304 without a body to a client that has it already.

    Args:
        app: the function's resolver.
        body: what the route would have returned.
        max_age: seconds for which the client, and no one else, may use it without asking; 0: it always asks.
    """
    header = app.current_event.headers.get("if-none-match", "")
    return _Conditional(body, f"private, max-age={max_age}" if max_age else "private, no-cache", header)


def created(body: Any, *, location: str) -> Response[Any]:
    """Answer 201 with the new resource and where it is."""
    return Response(201, content_type=_JSON, body=body, headers={"Location": location})


def request_id(app: Resolver) -> str:
    """Return the id under which API Gateway, the log and a problem's details know the current request."""
    return _request_id(app.current_event.raw_event)


def caller(app: Resolver) -> Caller:
    """Return who calls the current request.

    Raises:
        Problem: 401, the token has expired since the authorizer's decision.
        SettingsError: the route has no authorizer.
    """
    event = app.current_event.raw_event
    found = _caller(event)
    if found is None:
        raise SettingsError(
            f'the route "{event.get("routeKey")}" has no authorizer: name the roles it takes in bridge.toml'
        )
    return found


def handler(app: Resolver) -> "Handler":
    """Make the function that Lambda calls."""
    app.prepare()
    return Handler(app)


class Handler:
    """What Lambda calls: it answers every request, logs a line and counts an outcome for each."""

    def __init__(self, app: Resolver) -> None:
        self._app = app
        app.exception_handler(Exception)(self._failed_inside)

    @cached_property
    def _logger(self) -> Logger:
        return Logger()

    @cached_property
    def _metrics(self) -> Metrics:
        # Without a service there is one dimension: metrics of a function are found by its name alone.
        return Metrics(service="")

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer a request of API Gateway's HTTP API, payload format 2.0."""
        started = time.monotonic()
        with self._logger.append_context_keys(request_id=_request_id(event)):
            answer = self._answer(event, context)
            self._log(event, answer["statusCode"], time.monotonic() - started)
        self._count(answer["statusCode"])
        return answer

    def _answer(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            _caller(event)
            self._require_same_route(event)
            return self._app.resolve(_require_json(event), context)
        except Exception as error:  # noqa: BLE001  # else API Gateway would answer, in a form of its own
            made = self._failed(error, event)
            return {"statusCode": made.status_code, "headers": made.headers, "body": made.body}

    def _require_same_route(self, event: Mapping[str, Any]) -> None:
        """Refuse a path that API Gateway, whose authorizer judged it, takes for another route."""
        method = event["requestContext"]["http"]["method"].upper()
        chosen = self._app.route_key(method, event["rawPath"])
        if chosen is not None and chosen != event["routeKey"]:
            raise Problem(404)

    def _failed_inside(self, error: Exception) -> Response[str]:
        request = self._app.current_event
        allowed = self._app.allowed_methods(request.path)
        if isinstance(error, NotFoundError) and allowed and request.http_method.upper() not in allowed:
            error = Problem(405, headers={"Allow": ", ".join(allowed)})
        return self._failed(error, request.raw_event)

    def _failed(self, error: Exception, event: Mapping[str, Any]) -> Response[str]:
        problem = problem_of(error)
        if problem.status >= _SERVER_ERROR:
            self._logger.error("request failed", extra=describe(error))
        body = problem.body(_request_id(event))
        return Response(problem.status, content_type=MEDIA_TYPE, body=body, headers=problem.headers)

    def _log(self, event: Mapping[str, Any], status: int, seconds: float) -> None:
        authorizer = _authorizer(event) or {}
        self._logger.info(
            "request answered",
            extra={
                "route": event.get("routeKey"),
                "status": status,
                "duration_ms": round(seconds * 1_000, 1),
                "role": authorizer.get("role"),
                "subject": authorizer.get("subject"),
            },
        )

    def _count(self, status: int) -> None:
        outcome = "RequestSucceeded"
        if status >= _CLIENT_ERROR:
            outcome = "RequestFailed" if status >= _SERVER_ERROR else "RequestRefused"
        self._metrics.add_dimension("function", required(os.environ, "POWERTOOLS_SERVICE_NAME"))
        self._metrics.add_metric(outcome, MetricUnit.Count, 1)
        self._metrics.flush_metrics()


class _Conditional(Response[Any]):
    """A success whose entity tag is made from its bytes, once these are known."""

    def __init__(self, body: Any, cache_control: str, if_none_match: str) -> None:
        super().__init__(200, content_type=_JSON, body=body)
        self.headers |= {"Cache-Control": cache_control, "Vary": "Authorization"}
        self.if_none_match = if_none_match


def _conditionally(app: Resolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Complete what `cached` began, when the answer has been validated."""
    response = next_middleware(app)
    if isinstance(response, _Conditional):
        body = json.dumps(response.body, separators=(",", ":"))
        response.headers["ETag"] = etag = caching.strong_etag(body.encode())
        response.body = body
        if caching.has_already(response.if_none_match, etag):
            response.status_code, response.body = 304, ""
            del response.headers["Content-Type"]
    return response


def _decode(text: str) -> Any:
    try:
        value = json_text.decode(text)
        if _SURROGATE.search(text):
            # Half of a pair is no character: neither Postgres nor UTF-8 takes it.
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        raise Problem(400, detail="The body is not JSON.") from None
    # Powertools takes the first element of a list for the body itself.
    return tuple(value) if isinstance(value, list) else value


def _require_json(event: dict[str, Any]) -> dict[str, Any]:
    """Refuse a body that is no text, or declared as something else than JSON: Powertools would take forms."""
    body = event.get("body")
    if not body:
        return event
    sent = event.get("headers", {})
    if sent.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        raise unsupported_media_type()
    try:
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        text.encode()
    except ValueError:
        raise Problem(400, detail="The body is not UTF-8.") from None
    # In the one spelling that Powertools knows.
    return event | {"headers": sent | {"content-type": _JSON}, "body": text, "isBase64Encoded": False}


def _caller(event: Mapping[str, Any]) -> Caller | None:
    context = _authorizer(event)
    if context is None:
        return None
    if (expires_at := context["expires_at"]) and time.time() > float(expires_at) + LEEWAY_SECONDS:
        raise unauthorized("The token has expired.")
    scheme, _, token = event.get("headers", {}).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("The header Authorization must be: Bearer, a space, and the token.")
    return Caller(
        role=context["role"],
        subject=context["subject"],
        claims=json.loads(context["claims"]),
        token=token.strip(),
    )


def _authorizer(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (event.get("requestContext") or {}).get("authorizer", {}).get("lambda")
    return found


def _request_id(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId", ""))
