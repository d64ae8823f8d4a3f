"""What a month costs: a load by review/prices.toml, and what is paid for without any, by the templates."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.review import prices
from tools.review.assembly import Assembly, Stack
from tools.review.names import Names, references

# prices.toml's month: 43,200 minutes.
_MINUTES = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": 1440, "days": 1440}
_MONTH = 43_200
_RATE = re.compile(r"rate\((\d+) (\w+)\)")
_OF_AWS = "AWS/"
_FIXED = {
    "secrets": "entries of Secrets Manager",
    "alarms": "alarms",
    "metrics": "custom metrics that alarms and dashboards name",
    "keys": "KMS keys",
    "schedules": "runs by schedules, as long as redelivery's",
    "queues_polled": "queues that are polled",
}


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What is paid for without any event: how many there are now and were before, and dollars of a month."""

    name: str
    before: int
    count: int
    dollars: float
    dollars_before: float


@dataclass(frozen=True, kw_only=True)
class Price:
    """A month's price in US dollars.

    Attributes:
        events: in that month.
        path: how they travel, in a sentence.
        parts: dollars of the load, by what is paid for.
        fixed: what is paid for besides.
    """

    events: int
    path: str
    parts: Mapping[str, float]
    fixed: tuple[Fixed, ...]

    @property
    def together(self) -> float:
        """Of both."""
        return sum(self.parts.values()) + sum(each.dollars for each in self.fixed)

    @property
    def more(self) -> float:
        """How much more than the base costs under the same load."""
        return sum(each.dollars - each.dollars_before for each in self.fixed)


def paths() -> list[str]:
    """Return the names of the paths that tools/review/prices.toml knows."""
    return list(_table()["paths"])


def price(base: Assembly, head: Assembly, *, events: int, path: str) -> Price:
    """Return what a month with so many events on one path costs."""
    table = _table()
    travelled = table["paths"][path]
    costs = prices.costs_of(travelled, table)
    counted, before = counts(head), counts(base)
    dollars = prices.costs_of_idle(counted, table)
    dollars_before = prices.costs_of_idle(before, table)
    return Price(
        events=events,
        path=travelled["title"],
        parts={
            name: costs[part] * events / prices.MILLION for part, name in prices.PARTS.items() if costs[part]
        },
        fixed=tuple(
            Fixed(
                name=_FIXED[key],
                before=before[key],
                count=counted[key],
                dollars=dollars[key],
                dollars_before=dollars_before[key],
            )
            for key in _FIXED
        ),
    )


def counts(assembly: Assembly) -> dict[str, int]:
    """Return how many there are of what is paid for without any event."""

    def number(*types: str) -> int:
        return sum(1 for _ in assembly.of_type(*types))

    return {
        "secrets": number("AWS::SecretsManager::Secret"),
        "alarms": number("AWS::CloudWatch::Alarm"),
        "metrics": len(_metrics(assembly)),
        "keys": number("AWS::KMS::Key"),
        "schedules": sum(_runs(properties) for _, _, properties in assembly.of_type("AWS::Events::Rule")),
        "queues_polled": len(_polled(assembly)),
    }


def _runs(rule: Mapping[str, Any]) -> int:
    """How often a rule runs in a month; 0 for one that is no `rate`."""
    match = _RATE.fullmatch(str(rule.get("ScheduleExpression", "")))
    if not match or rule.get("State") == "DISABLED":
        return 0
    return _MONTH // (int(match[1]) * _MINUTES[match[2]])


def _polled(assembly: Assembly) -> set[str]:
    return {
        name
        for stack, _, properties in assembly.of_type("AWS::Lambda::EventSourceMapping")
        for name in references(properties.get("EventSourceArn"))
        if stack.resources.get(name, {}).get("Type") == "AWS::SQS::Queue"
    }


def _metrics(assembly: Assembly) -> set[tuple[str, ...]]:
    """The metrics that are the bridge's own: namespace, name, dimensions."""
    names = Names(assembly)
    found: set[tuple[str, ...]] = set()
    for stack, _, properties in assembly.of_type("AWS::CloudWatch::Alarm"):
        inner = [
            each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each
        ]
        found.update(_of_alarm(names, stack, each) for each in (properties, *inner) if each.get("MetricName"))
    for stack, _, properties in assembly.of_type("AWS::CloudWatch::Dashboard"):
        found.update(_of_dashboard(names.text(stack, properties["DashboardBody"])))
    return {each for each in found if not each[0].startswith(_OF_AWS)}


def _of_alarm(names: Names, stack: Stack, metric: Mapping[str, Any]) -> tuple[str, ...]:
    dimensions = sorted(
        (str(each["Name"]), names.text(stack, each["Value"])) for each in metric.get("Dimensions", [])
    )
    return (
        str(metric["Namespace"]),
        str(metric["MetricName"]),
        *(word for pair in dimensions for word in pair),
    )


def _of_dashboard(body: str) -> Iterator[tuple[str, ...]]:
    for widget in json.loads(body).get("widgets", []):
        for line in widget.get("properties", {}).get("metrics", []):
            words = [each for each in line if isinstance(each, str)]
            if len(words) > 1:
                pairs = sorted(zip(words[2::2], words[3::2], strict=False))
                yield (words[0], words[1], *(word for pair in pairs for word in pair))


def _table() -> Mapping[str, Any]:
    return tomllib.loads(prices.FILE.read_text("utf-8"))
