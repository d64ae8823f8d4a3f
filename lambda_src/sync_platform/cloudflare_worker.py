"""A Cloudflare Worker's secrets, by Cloudflare's SDK.

All of them in one request, which makes one version of the Worker and deploys it at once; what the Worker has
besides stays: https://developers.cloudflare.com/changelog/post/2026-06-03-bulk-secrets-api/. Secrets can't be
read back, so nothing tells that they are the same already: they are put whenever somebody asks for it.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cloudflare import APIConnectionError, APIStatusError, Cloudflare, CloudflareError, Timeout

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
from sync_platform.outcome import Outcome
from sync_platform.targets import Worker

if TYPE_CHECKING:
    from cloudflare.types.workers.scripts.secret_bulk_update_params import Secrets

# At level DEBUG they write requests with their headers and bodies.
for _name in ("cloudflare", "httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_LOCKED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
# What the API's codes mean is in no list; these are as wrangler takes them, and as they were seen.
_NO_WORKER = {10007, 10090}
_NO_ACCOUNT = {7000, 7003}
_BAD_TOKEN = {1000, 1001, 6003, 9109, 10000, 10001}
_NAME_TAKEN = 10053
_NOT_DEPLOYED = 10215
_REMEDIES: dict[int | None, str] = {
    _NAME_TAKEN: ': take that name out of "vars" in the Worker\'s wrangler.jsonc, deploy the Worker, then'
    " repeat this",
    _NOT_DEPLOYED: ": its newest version is not the one that is deployed; deploy it with"
    ' "wrangler versions deploy", then repeat this',
}


class CloudflareWorker:
    """One Worker.

    Args:
        worker: which.
        token: with the permission "Workers Scripts Write" for the Worker's account.
        token_name: what errors call the token.
        attempts: how long it may take.
    """

    def __init__(self, worker: Worker, token: str, *, token_name: str, attempts: Attempts) -> None:
        self._worker = worker
        self._token_name = token_name
        self._attempts = attempts
        self._hidden = [token]
        self._client = Cloudflare(api_token=token, max_retries=0)

    def put(self, values: Mapping[str, str], *, force: bool) -> Outcome:  # noqa: ARG002  # can't be known
        """Create or replace secrets.

        Raises:
            SyncError: the Worker is as it was, but for a lost answer.
        """
        self._hidden += values.values()
        self._change(
            {name: {"name": name, "text": text, "type": "secret_text"} for name, text in values.items()}
        )
        return self._outcome(tuple(values), "in effect: a new version of the Worker is deployed")

    def remove(self, names: Collection[str], *, kept: Collection[str]) -> Outcome:
        """Delete secrets; those that are not there, and a Worker that is not there, are fine.

        Raises:
            SyncError: the Worker is as it was, but for a lost answer.
        """
        try:
            present = {secret["name"] for secret in self._list()}
            unwanted = [name for name in names if name in present and name not in kept]
            if unwanted:
                self._change(dict.fromkeys(unwanted))
        except MissingError:
            unwanted = []
        return self._outcome((), "removed" if unwanted else "nothing was there to remove")

    def close(self) -> None:
        self._client.close()

    def _outcome(self, written: tuple[str, ...], effect: str) -> Outcome:
        place_id = f"cloudflare/{self._worker.account_id}/{self._worker.script}"
        return Outcome(place_id=place_id, written=written, effect=effect)

    def _list(self) -> list[dict[str, Any]]:
        send = self._client.workers.scripts.secrets.with_raw_response.list
        found: list[dict[str, Any]] = self._result(send)
        return found

    def _change(self, changes: "dict[str, Secrets | None]") -> None:
        self._result(self._client.workers.scripts.secrets.with_raw_response.bulk_update, secrets=changes)

    def _result(self, send: Callable[..., Any], **parameters: Any) -> Any:
        return self._attempts.make(lambda: self._sent(send, parameters))

    def _sent(self, send: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        timeout = Timeout(self._attempts.seconds, connect=CONNECT_SECONDS)
        worker = self._worker
        try:
            response = send(worker.script, account_id=worker.account_id, timeout=timeout, **parameters)
            envelope = response.http_response.json()
        except APIStatusError as error:
            raise self._judged(error.status_code, error.body, error.response.headers) from None
        except APIConnectionError as error:
            # Its own text; what caused it may quote the request.
            raise UnavailableError(f"no answer from {self._client.base_url.host}: {error.message}") from None
        except (CloudflareError, ValueError):
            envelope = None
        if not isinstance(envelope, dict) or envelope.get("success") is not True:
            raise self._judged(HTTPStatus.OK, envelope, {})
        return envelope["result"]

    def _judged(self, status: int, body: object, headers: Mapping[str, str]) -> SyncError:
        code, message = _first_error(body)
        worker, account = f'Worker "{self._worker.script}"', f'account "{self._worker.account_id}"'
        answer = f"Cloudflare answered {status} {told(code, message, hidden=self._hidden)} for {worker}"
        if status in _LOCKED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return unavailable(answer, _retry_after(headers))
        if code in _NO_WORKER:
            remedy = 'deploy it first with "wrangler deploy", then repeat this'
            return MissingError(f"{answer}: it is not in {account}; {remedy}")
        if code in _NO_ACCOUNT:
            return MissingError(f"{answer}: correct account_id, which is {account}")
        if code in _BAD_TOKEN or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            remedy = f'must be valid and have the permission "Workers Scripts Write" for {account}'
            return TokenError(f"{answer}: {self._token_name} {remedy}")
        if status == HTTPStatus.NOT_FOUND:
            return MissingError(f'{answer}: is it in {account}? If not, "wrangler deploy" makes it')
        return RefusedError(f"{answer}{_REMEDIES.get(code, '')}")


def _first_error(body: object) -> tuple[int | None, str]:
    """The code and the message of an envelope's first error."""
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None, "no error that the API documents"
    code = first.get("code")
    return (code if isinstance(code, int) else None), str(first.get("message") or "")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, which is how Cloudflare gives it."""
    try:
        return max(float(headers.get("retry-after", 0)), 0.0)
    except ValueError:
        return 0.0
