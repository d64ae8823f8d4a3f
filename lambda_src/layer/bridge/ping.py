"""Whether a message that the database signs and posts is accepted: by the API, and by targets outside AWS."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import psycopg

from bridge.errors import NotAcceptedError

PAUSE_SECONDS = 3.0
ACCEPTED = range(200, 300)
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a target did not accept a message.

    Attributes:
        reason: for people.
        status: the HTTP status; None when there was no answer.
    """

    reason: str
    status: int | None = None


def ping(connection: Connection, *, timeout_seconds: float) -> str:
    """Has the database post signed messages until one is accepted; a new API may refuse the first.

    Args:
        connection: With autocommit on: pg_net sends at commit.
        timeout_seconds: For all attempts together.

    Returns:
        What came back, for people.

    Raises:
        NotAcceptedError: No 2xx with a receipt in time; names the last answer and the likely remedy.
    """
    deadline = time.monotonic() + timeout_seconds
    last: dict[str, Any] | None = None
    while time.monotonic() < deadline:
        started = time.monotonic()
        request_id = _scalar(connection, "select bridge.ping()")
        answer = _await_answer(connection, request_id, deadline)
        last = answer or last
        if answer and answer["status"] in ACCEPTED and answer["receipt"]:
            return f"HTTP {answer['status']} after {(time.monotonic() - started) * 1000:.0f} ms"
        time.sleep(max(0.0, min(PAUSE_SECONDS, deadline - time.monotonic())))
    url = _scalar(connection, "select webhook_url from bridge.installation")
    raise NotAcceptedError(f"bridge.ping() to {url}: {explain(last)}")


def ping_targets(
    connection: Connection, targets: Mapping[str, bool], *, timeout_seconds: float
) -> dict[str, Refusal]:
    """Has the database post a signed message to each target, once and all together.

    Args:
        connection: With autocommit on.
        targets: Whether each may be posted to by pg_net, whose answers count by their receipts.
        timeout_seconds: For all of them together.

    Returns:
        Of each target that did not accept it, what came back.
    """
    deadline = time.monotonic() + timeout_seconds
    requests = {target: _scalar(connection, "select bridge.ping(%s)", [target]) for target in targets}
    answers = {target: _await_answer(connection, request, deadline) for target, request in requests.items()}
    refusals = {target: _refusal(answers[target], fast_path=fast) for target, fast in targets.items()}
    return {target: refusal for target, refusal in refusals.items() if refusal}


def _refusal(answer: dict[str, Any] | None, *, fast_path: bool) -> Refusal | None:
    if answer is None:
        return Refusal("no answer in time")
    status = answer["status"]
    if status is None:
        return Refusal("timed out" if answer["timed_out"] else str(answer["error"]))
    if status not in ACCEPTED:
        return Refusal(f"HTTP {status}", status)
    if fast_path and not answer["receipt"]:
        return Refusal(
            f"HTTP {status} without a receipt: redelivery posts to it, a second or two later",
            status,
        )
    return None


def _await_answer(connection: Connection, request_id: int, deadline: float) -> dict[str, Any] | None:
    while True:
        answer = _scalar(connection, "select bridge.ping_answer(%s)", [request_id])
        if answer is not None:
            return dict(answer)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def _scalar(connection: Connection, query: str, values: list[Any] | None = None) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def explain(answer: dict[str, Any] | None) -> str:
    """The answer, and what to do about it."""
    if answer is None:
        return (
            "pg_net gave no answer. Is its background worker running, and does pg_net.database_name name"
            " this database? select net.worker_restart() restarts it"
        )
    status = answer["status"]
    if status is None:
        reason = "timed out" if answer["timed_out"] else answer["error"]
        return (
            f"{reason}. Can the database server reach that address? Set webhook_url if it needs another one"
        )
    body = json.dumps(answer["body"])
    if status in ACCEPTED:
        return (
            f"HTTP {status} {body} without a receipt: whatever answered does not have the signing secret."
            " Does webhook_url name the API of this stack?"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return f"HTTP 401 {body}. Is the clock of the database server right to five minutes?"
    if status == HTTPStatus.FORBIDDEN:
        return f"HTTP 403 {body}. Does allowed_source_ranges hold the database server's public address?"
    return f"HTTP {status} {body}. Does webhook_url name the API of this stack?"
