"""HTTP functions answer alike: problems, conditional answers, callers, a log line and a metric each."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import psycopg
import pytest
from aws_lambda_powertools.event_handler import Response  # noqa: TC002  # read by the router
from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import BaseModel

from bridge import api
from bridge.errors import (
    DatabaseUnavailableError,
    RoleError,
    SecretError,
    SupabaseConflictError,
    SupabaseError,
    SupabaseForbiddenError,
    SupabaseKeyError,
    SupabaseUnauthorizedError,
    SupabaseUnavailableError,
)
from bridge.problems import problem_of
from tests.unit.requests import SUBJECT, Answer, authorizer, request, send


class Thing(BaseModel):
    """What the test's routes take and answer."""

    amount: Decimal
    tags: list[str] = []


app = api.resolver()
raised: list[Exception] = []


@app.get("/things")
def read(
    limit: Annotated[int, Query(ge=1, le=100)] = 20, key: Annotated[str, Header(alias="X-Key")] = ""
) -> Response[Thing]:
    return api.cached(app, Thing(amount=Decimal(limit), tags=[key]), max_age=limit % 2 * 10)


@app.get("/me")
def me() -> dict[str, Any]:
    caller = api.caller(app)
    return {"role": caller.role, "subject": caller.subject, "claims": caller.claims, "token": caller.token}


@app.get("/raise")
def fail() -> dict[str, str]:
    raise raised.pop()


@app.get("/wrong")
def answer_wrongly() -> Thing:
    return {"amount": "hunter2"}  # type: ignore[return-value]


@app.get("/unserializable")
def answer_nothing_that_can_be_sent() -> dict[str, Any]:
    return {"amount": object()}


@pytest.fixture(autouse=True)
def handler(monkeypatch: pytest.MonkeyPatch) -> api.Handler:
    # Powertools keeps a logger, and the standard output of its time, for each name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"function_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    return api.handler(app)


def failing(handler: api.Handler, error: Exception) -> Answer:
    raised.append(error)
    return send(handler, request("GET", "/raise"))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def should_tell_a_wrong_path_from_a_wrong_method(handler: api.Handler) -> None:
    assert send(handler, request("GET", "/nothing")).status == 404
    wrong = send(handler, request("DELETE", "/things"))

    assert (wrong.status, wrong.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (api.Problem(402, "Pay first", price="9.99"), 402),
        (DatabaseUnavailableError("cannot connect to Postgres at db:5432"), 503),
        (SecretError("cannot be read"), 503),
        (RoleError("none"), 403),
        (SupabaseConflictError(409, "23505"), 409),
        (SupabaseForbiddenError(403, "42501"), 403),
        (SupabaseUnauthorizedError(401, "PGRST303"), 401),
        (SupabaseKeyError(401), 503),
        (SupabaseUnavailableError(0), 503),
        (SupabaseError(400, "22P02"), 500),
        (psycopg.errors.QueryCanceled(), 503),
        (psycopg.errors.DeadlockDetected(), 503),
        (psycopg.errors.TooManyConnections(), 503),
        (psycopg.errors.InsufficientPrivilege(), 403),
        (psycopg.OperationalError("the connection is lost"), 503),
        (psycopg.errors.UniqueViolation(), 500),
        (psycopg.DataError("hunter2"), 500),
        (ValueError("hunter2"), 500),
        (RecursionError(), 500),
    ],
)
def should_translate_an_error(
    handler: api.Handler, error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = failing(handler, error)

    assert (answer.status, answer.body["request_id"]) == (status, "request-1")
    assert ("retry-after" in answer.headers) == (status == 503)
    assert "hunter2" not in answer.text + capsys.readouterr().out


def should_add_what_a_problem_says_of_itself(handler: api.Handler) -> None:
    problem = api.Problem(
        402, "Pay first", detail="It's 9.99.", type="tag:pay", headers={"X-A": "b"}, price=1
    )
    answer = failing(handler, problem)

    assert answer.body == {
        "type": "tag:pay",
        "title": "Pay first",
        "status": 402,
        "detail": "It's 9.99.",
        "price": 1,
        "request_id": "request-1",
    }
    assert answer.headers["x-a"] == "b"


@pytest.mark.parametrize("path", ["/wrong", "/unserializable"])
def should_not_answer_what_it_should_not(
    handler: api.Handler, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = send(handler, request("GET", path))

    assert answer.status == 500
    assert "hunter2" not in answer.text + capsys.readouterr().out


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"requestContext": {"http": {}}}])
def should_answer_even_what_is_no_request(handler: api.Handler, event: dict[str, Any]) -> None:
    assert send(handler, event).status == 500


def should_know_who_calls(handler: api.Handler) -> None:
    answer = send(handler, request("GET", "/me", caller=authorizer(plan="free"), token="a.b.c"))

    assert (answer.body["role"], answer.body["subject"]) == ("authenticated", SUBJECT)
    assert (answer.body["claims"]["plan"], answer.body["token"]) == ("free", "a.b.c")


def should_take_a_token_that_never_expires(handler: api.Handler) -> None:
    caller = authorizer() | {"expires_at": ""}

    assert send(handler, request("GET", "/me", caller=caller)).status == 200


@pytest.mark.parametrize(("expires_in", "status"), [(-25, 200), (-32, 401)])
def should_refuse_a_caller_whose_token_has_expired(
    handler: api.Handler, expires_in: float, status: int
) -> None:
    answer = send(handler, request("GET", "/me", caller=authorizer(expires_in=expires_in)))

    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


def should_say_what_a_route_without_an_authorizer_lacks(
    handler: api.Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(handler, request("GET", "/me")).status == 500
    assert 'the route "GET /me" has no authorizer: name the roles it takes' in lines(capsys)[0]["reason"]


def should_answer_304_to_who_has_it_already(handler: api.Handler) -> None:
    first = send(handler, request("GET", "/things"))
    again = send(handler, request("GET", "/things", headers={"If-None-Match": first.headers["etag"]}))
    changed = send(
        handler,
        request("GET", "/things", query={"limit": 2}, headers={"If-None-Match": first.headers["etag"]}),
    )

    assert (again.status, again.text, again.headers) == (
        304,
        "",
        {name: first.headers[name] for name in ("etag", "cache-control", "vary")},
    )
    assert changed.status == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(("limit", "expected"), [(1, "private, max-age=10"), (2, "private, no-cache")])
def should_say_for_how_long_an_answer_may_be_kept(handler: api.Handler, limit: int, expected: str) -> None:
    answer = send(handler, request("GET", "/things", query={"limit": limit}))

    assert (answer.headers["cache-control"], answer.headers["vary"]) == (expected, "Authorization")


def should_log_one_line_and_count_one_outcome(
    handler: api.Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    event = request(
        "GET",
        "/things",
        query={"limit": 7},
        headers={"X-Key": "hunter2"},
        caller=authorizer(),
        token="hunter2",
    )
    send(handler, event)
    output = capsys.readouterr().out
    line, metric = (json.loads(each) for each in output.splitlines())

    assert (line["route"], line["status"], line["request_id"]) == ("GET /things", 200, "request-1")
    assert (line["role"], line["subject"]) == ("authenticated", SUBJECT)
    assert line["duration_ms"] >= 0
    assert metric["RequestSucceeded"] == [1]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["function"]]
    assert "hunter2" not in output


@pytest.mark.parametrize(("path", "outcome"), [("/nothing", "RequestRefused"), ("/wrong", "RequestFailed")])
def should_count_failures_apart(
    handler: api.Handler, path: str, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    send(handler, request("GET", path))

    assert lines(capsys)[-1][outcome] == [1]


def should_not_lose_the_request_id_between_requests(
    handler: api.Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    send(handler, {})
    send(handler, request("GET", "/things"))

    assert [line["request_id"] for line in lines(capsys) if "route" in line] == ["request-1"]


def should_give_no_reason_away() -> None:
    assert problem_of(ValueError("hunter2")).body("r") == (
        '{"type": "about:blank", "title": "Internal Server Error", "status": 500, "request_id": "r"}'
    )
