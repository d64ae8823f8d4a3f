"""What is asked of an HTTP function is validated by its models, and refused without echoing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import pytest
from aws_lambda_powertools.event_handler import Response  # noqa: TC002  # read by the router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel

from bridge import api
from tests.unit.requests import request, send


class Thing(BaseModel):
    """What the test's routes take and answer."""

    amount: Decimal
    tags: list[str] = []


app = api.resolver()


@app.post("/things", status_code=201)
def create(thing: Thing) -> Response[Thing]:
    return api.created(thing, location="/things/1")


@app.get("/things")
def read(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Thing:
    return Thing(amount=Decimal(limit))


@app.get("/things/<id>")
def read_one(id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> dict[str, int]:  # noqa: A002  # the path's name
    return {"id": id}


@pytest.fixture(autouse=True)
def handler(monkeypatch: pytest.MonkeyPatch) -> api.Handler:
    # Powertools keeps a logger, and the standard output of its time, for each name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"function_{uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ExternalCompute/test")
    return api.handler(app)


def should_validate_a_body_and_answer_by_the_model(handler: api.Handler) -> None:
    answer = send(handler, request("POST", "/things", body='{"amount": 0.1000000000000000000001}'))

    assert (answer.status, answer.body) == (201, {"amount": "0.1000000000000000000001", "tags": []})
    assert answer.headers["location"] == "/things/1"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ('{"amount": NaN}', 400),
        (b"\xff", 400),
        ("\ud800", 400),
        ("[" * 100_000, 400),
        (None, 422),
        ("null", 422),
        ([{"amount": 1}], 422),
        ({"amount": "x"}, 422),
        ({"amount": 1, "tags": ["\ud800"]}, 400),
    ],
)
def should_refuse_a_body_that_is_none(handler: api.Handler, body: Any, status: int) -> None:
    answer = send(handler, request("POST", "/things", body=body))

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.body["status"] == status


def should_take_characters_beyond_the_first_plane(handler: api.Handler) -> None:
    answer = send(
        handler, request("POST", "/things", body={"amount": 1, "tags": ["\N{SMILING FACE WITH HALO}"]})
    )

    assert answer.body["tags"] == ["\N{SMILING FACE WITH HALO}"]


def should_take_a_body_in_base64(handler: api.Handler) -> None:
    assert send(handler, request("POST", "/things", body=b'{"amount": 1}')).status == 201


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ("Application/JSON", 201),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonx", 415),
        ("text/plain", 415),
    ],
)
def should_take_json_only(handler: api.Handler, content_type: str, status: int) -> None:
    event = request("POST", "/things", body={"amount": 1}, headers={"Content-Type": content_type})

    assert send(handler, event).status == status


def should_say_where_and_which_rule_but_not_the_value(handler: api.Handler) -> None:
    event = request("POST", "/things", body={"amount": "hunter2", "tags": ["a", {"password": "hunter2"}]})
    answer = send(handler, event)

    assert answer.body == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "The request is not what it should be.",
        "request_id": "request-1",
        "errors": [
            {"in": "body", "pointer": "/amount", "message": "Input should be a valid decimal"},
            {"in": "body", "pointer": "/tags/1", "message": "Input should be a valid string"},
        ],
    }


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"limit": ""}, {"limit": "1,2"}, {"limit": "x"}]
)
def should_name_the_parameter_that_is_wrong(handler: api.Handler, query: dict[str, Any]) -> None:
    answer = send(handler, request("GET", "/things", query=query))

    assert answer.status == 422
    assert [(error["in"], error["field"]) for error in answer.body["errors"]] == [("query", "limit")]


@pytest.mark.parametrize(("id", "status"), [(1, 200), (2**63 - 1, 200), (0, 422), (2**63, 422), ("x", 422)])
def should_validate_a_path(handler: api.Handler, id: Any, status: int) -> None:  # noqa: A002
    assert send(handler, request("GET", f"/things/{id}", route="GET /things/{id}")).status == status


@pytest.mark.parametrize("route", ["GET /{anything+}", "GET /things/{other}", "POST /things/{id}"])
def should_not_answer_a_path_that_was_authorized_as_another_route(handler: api.Handler, route: str) -> None:
    assert send(handler, request("GET", "/things/1", route=route)).status == 404
