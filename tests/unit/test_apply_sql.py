"""The custom resource's answers: short enough, with a remedy, and without the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from apply_sql import handler as apply_sql
from apply_sql.errors import ApplyError
from apply_sql.request import Request
from bridge.ping import explain
from tests.unit.aws import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.aws import Secret

ADDRESS = "https://cloudformation-answers.example.com/?signature=private"
PROPERTIES = {"Declaration": '{"webhooks": []}', "Owner": "account/region/stack", "Ping": "required"}


def event(kind: str = "Create", **properties: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": ADDRESS,
        "ResourceProperties": {**PROPERTIES, **properties},
    }


@pytest.fixture
def function(
    function_environment: None,  # noqa: ARG001
    signing_secret: Secret,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    monkeypatch.setenv("WEBHOOK_SIGNING_SECRET_ID", signing_secret.id)
    monkeypatch.setenv("SQL_DIRECTORY", "../sql")
    apply_sql.settings.cache_clear()
    yield
    apply_sql.settings.cache_clear()


def invoke(given: dict[str, Any]) -> dict[str, Any]:
    context: Any = Context()
    return apply_sql.handler(given, context)


def should_read_a_request() -> None:
    request = Request.parse(event("Update", Adopt="other", Ping="warn"))

    assert (request.kind, request.owner, request.adopt) == ("Update", "account/region/stack", "other")
    assert request.declaration == {"webhooks": []}
    assert not request.ping_required


def should_take_an_empty_adopt_for_none() -> None:
    assert Request.parse(event(Adopt="")).adopt is None


def should_name_a_property_that_is_missing() -> None:
    given = event()
    del given["ResourceProperties"]["Owner"]

    with pytest.raises(KeyError, match="Owner"):
        Request.parse(given)


@pytest.mark.usefixtures("function")
@pytest.mark.parametrize("entry", ["{}", '{"direct_url": ""}'])
def should_say_how_to_fill_an_entry_that_is_not(
    database_secret: Secret, entry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=database_secret.id, SecretString=entry)

    with pytest.raises(
        ApplyError, match=rf'"direct_url" of secret "{database_secret.id}" is empty: .*make secrets'
    ):
        invoke(event())

    assert "private" not in capsys.readouterr().out


@pytest.mark.usefixtures("function")
def should_leave_a_database_alone_that_was_never_bridged(database_secret: Secret, database: Any) -> None:
    boto3.client("secretsmanager").put_secret_value(
        SecretId=database_secret.id, SecretString=json.dumps({"direct_url": database.url})
    )

    answer = invoke(event("Delete"))

    assert answer == {
        "PhysicalResourceId": "supabase-bridge",
        "Data": {"triggers_dropped": 0, "messages_kept": 0},
    }


def should_keep_a_short_reason_whole() -> None:
    assert apply_sql.shortened("x" * 1000) == "x" * 1000


@pytest.mark.parametrize("filling", ["x", "表", "\N{GRINNING FACE}"])
def should_cut_a_long_reason_in_its_middle(filling: str) -> None:
    reason = apply_sql.shortened("first " + filling * 5000 + " last")

    assert len(json.dumps(reason)) <= 1500
    assert reason.startswith("first")
    assert reason.endswith("last")


def answer(status: int | None = None, *, error: str | None = None, timed_out: bool = False) -> dict[str, Any]:
    return {"status": status, "timed_out": timed_out, "error": error, "body": "{}"}


@pytest.mark.parametrize(
    ("came_back", "words"),
    [
        (None, "worker_restart"),
        (
            answer(error="Couldn't resolve host name"),
            "Couldn't resolve host name. Can the database server reach",
        ),
        (answer(timed_out=True), "timed out. Can the database server reach"),
        (answer(401), "clock"),
        (answer(403), "allowed_source_ranges"),
        (answer(404), "webhook_url"),
    ],
)
def should_explain_what_came_back(came_back: dict[str, Any] | None, words: str) -> None:
    assert words in explain(came_back)
