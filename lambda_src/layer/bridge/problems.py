"""Errors as problem details, RFC 9457: what a client is told, and what it is not.

https://www.rfc-editor.org/rfc/rfc9457
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.exceptions import ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from bridge.errors import (
    DatabaseUnavailableError,
    OutOfTimeError,
    RoleError,
    SecretError,
    SupabaseConflictError,
    SupabaseForbiddenError,
    SupabaseKeyError,
    SupabaseUnauthorizedError,
    SupabaseUnavailableError,
)
from bridge.failures import is_of_postgres

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_UNAVAILABLE = (
    DatabaseUnavailableError,
    OutOfTimeError,
    SecretError,
    SupabaseKeyError,
    SupabaseUnavailableError,
)
# https://www.postgresql.org/docs/current/errcodes-appendix.html: a lost connection, no resources left, an
# operator's intervention (a time-out too), a lock not got, a rollback for the sake of others, a standby.
_PASSING_STATES = ("08", "53", "57", "55P03", "40", "25P03", "25006")
_FORBIDDEN_STATE = "42501"
_SERVER_ERROR = 500


class Problem(Exception):  # noqa: N818  # the standard's word
    """An answer other than success, raised anywhere in a handler.

    Args:
        status: the HTTP status, 400 to 599.
        title: what is wrong, the same for each occurrence.
        detail: what is wrong this time, and what to do; None: nothing to add.
        type: a URI that names the kind of problem.
        headers: further headers of the answer.
        extension: further members of the answer's body.
    """

    def __init__(
        self,
        status: int,
        title: str = "",
        *,
        detail: str | None = None,
        type: str = "about:blank",  # noqa: A002  # the standard's name
        headers: Mapping[str, str] | None = None,
        **extension: Any,
    ) -> None:
        self.status = int(status)
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.type = type
        self.headers = dict(headers or {})
        self.extension = extension
        super().__init__(f"{status} {self.title}")

    def body(self, request_id: str) -> str:
        """Return the JSON text of the answer."""
        members = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail is not None:
            members["detail"] = self.detail
        return json.dumps(members | self.extension | {"request_id": request_id}, default=str)


def problem_of(error: BaseException) -> Problem:
    """Translate what a handler, or the library around it, raised; whatever is unknown is a bare 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, SupabaseUnauthorizedError):
        return unauthorized("The token is not accepted.")
    if isinstance(error, SupabaseConflictError):
        return Problem(409, detail="The change conflicts with what is stored.")
    if isinstance(error, RoleError | SupabaseForbiddenError) or _sqlstate(error) == _FORBIDDEN_STATE:
        return Problem(403, detail="Your role may not do this.")
    if isinstance(error, _UNAVAILABLE) or _passes(error):
        return unavailable()
    return _of_the_library(error) or Problem(500)


def _of_the_library(error: BaseException) -> Problem | None:
    if isinstance(error, RequestValidationError):
        return _invalid(error.errors())
    if isinstance(error, RequestUnsupportedContentType):
        return unsupported_media_type()
    if isinstance(error, ServiceError) and error.status_code < _SERVER_ERROR:
        return Problem(error.status_code, detail=str(error.msg))
    return None


def unavailable(detail: str = "Something that this needs can't be reached now. Try again.") -> Problem:
    return Problem(503, detail=detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def unauthorized(detail: str) -> Problem:
    # https://www.rfc-editor.org/rfc/rfc6750#section-3
    return Problem(401, detail=detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def unsupported_media_type() -> Problem:
    return Problem(415, detail="Send JSON, with the header Content-Type: application/json.")


def _passes(error: BaseException) -> bool:
    if not is_of_postgres(error):
        return False
    state = _sqlstate(error)
    # psycopg itself finds out that a connection is gone; there is no SQLSTATE then.
    return type(error).__name__ == "OperationalError" if state is None else state.startswith(_PASSING_STATES)


def _sqlstate(error: BaseException) -> str | None:
    return error.sqlstate if is_of_postgres(error) else None


def _invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(400, detail="The body is not JSON.")
    return Problem(422, detail="The request is not what it should be.", errors=[_place(e) for e in errors])


def _place(error: Mapping[str, Any]) -> dict[str, str]:
    # The library's errors hold what was sent: only the place and the rule that it breaks are told.
    where, *path = error["loc"]
    message = str(error["msg"])
    if where == "body":
        return {"in": "body", "pointer": "".join(f"/{_escaped(part)}" for part in path), "message": message}
    return {"in": str(where), "field": ".".join(map(str, path)), "message": message}


def _escaped(part: object) -> str:
    # https://www.rfc-editor.org/rfc/rfc6901
    return str(part).replace("~", "~0").replace("/", "~1")
