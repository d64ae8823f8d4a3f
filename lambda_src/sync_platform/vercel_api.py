"""Requests to Vercel's REST API: https://vercel.com/docs/rest-api.

By urllib3, which the layer has: Vercel's own SDK for Python (`vercel` 0.12) has no calls for environment
variables.
"""

import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from sync_platform.attempts import CONNECT_SECONDS, Attempts
from sync_platform.errors import (
    MissingError,
    RefusedError,
    SyncError,
    TokenError,
    UnavailableError,
    told,
    unavailable,
)

_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_FORBIDDEN_REMEDY = (
    "must be valid and made for the project's team, or for the project alone, and whoever made it must be"
    " allowed to write environment variables and to deploy to production"
)
_MISSING_REMEDY = ': does "team" name its team? If there is no such project yet, "vercel deploy" makes it'
_REMEDIES = {
    "ENV_CONFLICT": ": it is there for several environments at once; take it out in the project's settings,"
    " then repeat this",
}


class VercelApi:
    """Asks as the holder of a token.

    Args:
        url: the API's address.
        token: for the team, or for the project alone.
        token_name: what errors call the token.
        team: the team's id; "": none.
        about: what errors say that a request was for.
        attempts: how long all requests together may take.
    """

    def __init__(  # noqa: PLR0913  # what a request consists of
        self, url: str, token: str, *, token_name: str, team: str, about: str, attempts: Attempts
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._token_name = token_name
        self._team = team
        self._about = about
        self._attempts = attempts
        self._hidden = [token]
        self._http = urllib3.PoolManager(cert_reqs="CERT_REQUIRED")

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()

    def hide(self, values: Sequence[str]) -> None:
        """Keep values out of errors, whatever the platform repeats."""
        self._hidden += values

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        repeat: bool = True,
    ) -> dict[str, Any]:
        """Send a request and return what the answer's JSON says; {} for an answer without a body.

        Args:
            method: the HTTP verb.
            path: after the API's address.
            query: besides the team.
            body: to be sent as JSON; None: none.
            repeat: whether sending it twice does what sending it once does.

        Raises:
            SyncError: it was refused, or not answered in time.
        """

        def send() -> dict[str, Any]:
            return self._sent(method, path, query or {}, body)

        return self._attempts.make(send) if repeat else send()

    def refused(self, error: object) -> SyncError:
        """What an error within an answer means that itself is none."""
        return self._judged(HTTPStatus.BAD_REQUEST, {"error": error}, {})

    def _sent(self, method: str, path: str, query: Mapping[str, str], body: Any) -> dict[str, Any]:
        parameters = urlencode({**query, **({"teamId": self._team} if self._team else {})})
        headers, text = self._headers, None
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
            text = json.dumps(body).encode()
        try:
            response = self._http.request(
                method,
                f"{self._url}{path}{'?' if parameters else ''}{parameters}",
                body=text,
                headers=headers,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, total=self._attempts.seconds),
            )
        except HTTPError as error:
            host = urlsplit(self._url).hostname
            raise UnavailableError(f"no answer from {host}: {type(error).__name__}") from None
        answer = _decoded(response.data)
        if response.status >= HTTPStatus.MULTIPLE_CHOICES or answer is None:
            raise self._judged(response.status, answer, response.headers)
        return answer

    def _judged(self, status: int, body: object, headers: Mapping[str, str]) -> SyncError:
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            error = {"message": "no error that the API documents"}
        code = error.get("code")
        said = told(code, error.get("message"), hidden=self._hidden)
        answer = f"Vercel answered {status} {said} for {self._about}"
        if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return unavailable(answer, _retry_after(headers))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return TokenError(f"{answer}: {self._token_name} {_FORBIDDEN_REMEDY}")
        if status == HTTPStatus.NOT_FOUND:
            return MissingError(f"{answer}{_MISSING_REMEDY}")
        return RefusedError(f"{answer}{_REMEDIES.get(str(code), '')}")


def _decoded(data: bytes) -> dict[str, Any] | None:
    """What a body says; None where it is no JSON object."""
    if not data:
        return {}
    try:
        decoded = json.loads(data)
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; Vercel tells them in Retry-After, or when in X-RateLimit-Reset (seconds since 1970)."""
    try:
        if "retry-after" in headers:
            return max(float(headers["retry-after"]), 0.0)
        return max(float(headers.get("x-ratelimit-reset", 0)) - time.time(), 0.0)
    except ValueError:
        return 0.0
