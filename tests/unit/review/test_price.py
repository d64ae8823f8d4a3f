"""What is paid for, counted in templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.review.templates import get, resource, stage
from tools.review import prices
from tools.review.price import counts, paths, price


def alarm(**properties: Any) -> dict[str, Any]:
    return resource("AWS::CloudWatch::Alarm", **properties)


OWN = {"Namespace": "Own", "MetricName": "Backlog", "Dimensions": [{"Name": "service", "Value": "r"}]}


def should_count_what_costs_without_events() -> None:
    mapping = {"EventSourceArn": get("Queue")}
    found = counts(
        stage(
            {
                "Secret": resource("AWS::SecretsManager::Secret"),
                "Key": resource("AWS::KMS::Key"),
                "Queue": resource("AWS::SQS::Queue"),
                "M1": resource("AWS::Lambda::EventSourceMapping", **mapping),
                "M2": resource("AWS::Lambda::EventSourceMapping", EventSourceArn="arn:aws:kinesis:x"),
                "Minute": resource("AWS::Events::Rule", ScheduleExpression="rate(1 minute)"),
                "Hours": resource("AWS::Events::Rule", ScheduleExpression="rate(2 hours)"),
                "Off": resource("AWS::Events::Rule", ScheduleExpression="rate(1 day)", State="DISABLED"),
                "Cron": resource("AWS::Events::Rule", ScheduleExpression="cron(0 0 * * ? *)"),
            }
        )
    )
    assert found == {
        "secrets": 1,
        "alarms": 0,
        "metrics": 0,
        "keys": 1,
        "schedules": 43_200 + 360,
        "queues_polled": 1,
    }


def should_count_each_custom_metric_once() -> None:
    body = {
        "widgets": [
            {"type": "text", "properties": {"markdown": "#"}},
            {
                "properties": {
                    "metrics": [
                        ["Own", "Backlog", "service", "r", {"stat": "Maximum"}],
                        ["Own", "Backlog", "service", "other"],
                        ["AWS/SQS", "Size"],
                        [{"expression": "a + b"}],
                    ]
                }
            },
        ]
    }
    found = counts(
        stage(
            {
                "A1": alarm(**OWN),
                "A2": alarm(**OWN, Threshold=2),
                "A3": alarm(
                    Metrics=[{"MetricStat": {"Metric": OWN | {"MetricName": "Age"}}}, {"Expression": "x"}]
                ),
                "A4": alarm(Namespace="AWS/Lambda", MetricName="Errors"),
                "D": resource("AWS::CloudWatch::Dashboard", DashboardBody=json.dumps(body)),
            }
        )
    )
    assert (found["alarms"], found["metrics"]) == (4, 3)


def should_price_a_load_by_what_a_million_costs() -> None:
    one, ten = (price(stage(), stage(), events=each, path="one_by_one") for each in (1_000_000, 10_000_000))
    assert sum(ten.parts.values()) == pytest.approx(10 * sum(one.parts.values()))
    assert one.together == pytest.approx(sum(one.parts.values()))
    assert prices.dollars(one.parts["API Gateway"]) == "1.00"


def should_say_how_much_more_than_the_base() -> None:
    head = stage({"Secret": resource("AWS::SecretsManager::Secret"), "Alarm": alarm(**OWN)})
    assert price(stage(), head, events=0, path="bulk").more == pytest.approx(0.40 + 0.10 + 0.30)
    assert price(head, stage(), events=0, path="bulk").more == pytest.approx(-0.80)


@pytest.mark.parametrize("path", paths())
def should_know_each_path(path: str) -> None:
    assert price(stage(), stage(), events=1_000_000, path=path).together > 0
