"""The dashboard: its questions in their order, and graphs of what is really published."""

import json
import re
from typing import Any

import pytest

from tests.infrastructure.assembly import ROOT, Assembly

WORKERS = {"expire_order", "process_order", "render_receipt"}
SOURCES = "".join(
    path.read_text("utf-8")
    for folder in ("redeliver", "layer/bridge", "node/src")
    for path in sorted((ROOT / "lambda_src" / folder).rglob("*"))
    if path.suffix in {".py", ".js", ".mjs"}
)


@pytest.fixture(scope="module")
def dashboard(assembly: Assembly) -> dict[str, Any]:
    [found] = (
        resource["Properties"]
        for resource in assembly.template("prod-monitoring")["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    )
    properties: dict[str, Any] = found
    return properties


@pytest.fixture(scope="module")
def widgets(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """What the console draws, with a word in place of what only a deployment knows."""
    _, parts = dashboard["DashboardBody"]["Fn::Join"]
    body = "".join(part if isinstance(part, str) else "deployed" for part in parts)
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def graphs(widgets: list[dict[str, Any]]) -> dict[str, list[list[Any]]]:
    return {
        each["properties"]["title"]: each["properties"]["metrics"]
        for each in widgets
        if each["type"] == "metric"
    }


def should_be_found_by_the_stages_name(dashboard: dict[str, Any]) -> None:
    assert dashboard["DashboardName"] == "external-compute-prod"


def should_answer_the_most_urgent_question_first(widgets: list[dict[str, Any]]) -> None:
    questions = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]

    assert questions == [
        *("## Is anything lost?", "## Is anything late?", "## Is anything failing?"),
        *("## What does it do?", "## What does it use?"),
    ]


def should_show_only_what_is_published(widgets: list[dict[str, Any]]) -> None:
    ours = {
        metric[1]
        for metrics in graphs(widgets).values()
        for metric in metrics
        if metric[0] == "ExternalCompute/prod"
    }

    assert {"Backlog", "OldestMessageAge", "DeadMessages", "EventProcessed", "EventFailed"} <= ours
    published = {name for name in ours if re.search(rf"""["']{name}["']""", SOURCES)}
    assert ours - published == {"WebhookAnswers"}, "which a metric filter counts"


@pytest.mark.parametrize(
    "title",
    ["Dead letters of workers", "Queues: events that wait", "Events that failed", "Events processed"],
)
def should_name_every_worker(widgets: list[dict[str, Any]], title: str) -> None:
    assert {metric[-1]["label"] for metric in graphs(widgets)[title]} == WORKERS


def should_know_every_answer_of_the_receiver(widgets: list[dict[str, Any]]) -> None:
    receiver = "".join(
        (ROOT / "lambda_src" / "receive_webhook" / file).read_text("utf-8")
        for file in ("receiving.py", "handler.py")
    )
    answers = set(re.findall(r"Answer\((\d{3})", receiver))
    assert {"202", "401", "503"} <= answers

    shown = graphs(widgets)["Webhooks: answers by status"]
    assert {metric[3] for metric in shown} == {metric[-1]["label"] for metric in shown} == answers


def should_tell_functions_apart(widgets: list[dict[str, Any]]) -> None:
    labels = [metric[-1]["label"] for metric in graphs(widgets)["Functions: invocations"]]

    assert sorted(labels) == sorted({*WORKERS, "receive_webhook", "redeliver"})
