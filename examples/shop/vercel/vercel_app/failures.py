"""Whatever goes wrong is answered here: in JSON, and without detail where the fault is on this side."""

from http import HTTPStatus

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vercel_app import logs
from vercel_app.answers import problem
from vercel_app.errors import HttpError, SettingsError, SlowError, UnavailableError

_SETTINGS_RETRY_SECONDS = 60


class Failures:
    """Answers every error that the application raises.

    Starlette's own handler of unexpected errors raises them again, and the server would log their messages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  # the last place where it can be answered
            await _answer(Request(scope), error)(scope, receive, send)


def refused_by_router(_: Request, error: Exception) -> Response:
    """Answer 404 and 405 as everything else is answered."""
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, HTTPStatus(error.status_code).phrase.lower(), error.headers)


def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, HttpError):
        return problem(error.status, str(error), error.headers, **error.members)
    if isinstance(error, ClientDisconnect):
        return problem(HTTPStatus.BAD_REQUEST, "the request was not sent to its end")
    logs.error("request failed", method=request.method, path=request.url.path, **logs.describe(error))
    if isinstance(error, SettingsError):
        return _unavailable(HTTPStatus.SERVICE_UNAVAILABLE, str(error), _SETTINGS_RETRY_SECONDS)
    if isinstance(error, psycopg.OperationalError):
        error = _of_postgres(error)
    if isinstance(error, UnavailableError):
        return _unavailable(error.status, str(error), error.retry_after)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")


def _of_postgres(error: psycopg.OperationalError) -> UnavailableError:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return SlowError("Postgres did not answer in time")
    return UnavailableError("Postgres is out of reach")


def _unavailable(status: int, message: str, seconds: int) -> Response:
    return problem(status, message, {"retry-after": str(seconds)})
