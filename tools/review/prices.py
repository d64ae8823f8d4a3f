"""What a million events cost on each path, and a stage on which nothing happens: `make prices`.

Computed from prices.toml, which says what is paid for and how much of it each path takes.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".toml")
MILLION = 1_000_000
# SQS sends, receives and deletes ten messages a request.
SQS_BATCH = 10
PARTS = {
    "http_api_requests": "API Gateway",
    "lambda_requests": "Lambda, requests",
    "lambda_gb_seconds": "Lambda, time",
    "sqs_requests": "SQS",
    "log_bytes": "logs",
    "traces": "traces",
    "platform": "platform",
}
IDLE = {
    "secrets": "secrets",
    "alarms": "alarms",
    "metrics": "custom metrics",
    "keys": "the key of the alarms' topic",
    "schedules": "redelivery, each minute",
    "queues_polled": "polling of queues",
}


def main() -> int:
    """Print both tables in Markdown.

    Returns:
        The exit code, 0.
    """
    sys.stdout.write(tables(tomllib.loads(FILE.read_text("utf-8"))))
    return 0


def tables(table: Mapping[str, Any]) -> str:
    """Return what a million events cost, and a month without any."""
    lines = [
        f"| a million events | {' | '.join(PARTS.values())} | together |",
        "|---|" + "---:|" * (len(PARTS) + 1),
    ]
    for path in table["paths"].values():
        costs = costs_of(path, table)
        cells = " | ".join(dollars(costs[part]) for part in PARTS)
        lines.append(f"| {path['title']} | {cells} | **{dollars(sum(costs.values()))}** |")
    lines += ["", "| a month without events | |", "|---|---:|"]
    idle = costs_of_idle(table["idle"], table)
    lines += [f"| {name} | {dollars(idle[part])} |" for part, name in IDLE.items()]
    lines.append(f"| together | **{dollars(sum(idle.values()))}** |")
    return "\n".join(lines) + "\n"


def costs_of(path: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, float]:
    """Return the dollars of a million events, by what they are paid for."""
    prices = table["prices"]
    costs = dict.fromkeys(PARTS, 0.0)
    for part, amount in _usage(path, table):
        costs[part] += amount * prices[path["platform"] if part == "platform" else part] * MILLION
    return costs


def _usage(path: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Return how much of what one event takes."""
    if "platform" in path:
        yield "platform", 1 / path["events_per_message"]
        return
    if "receiver_seconds" in path:
        yield from _received(path, table)
    if rate := path.get("redelivery_events_per_second"):
        yield "lambda_gb_seconds", table["memory_gb"]["redelivery"] / rate
    if "worker_seconds" in path:
        yield "sqs_requests", 1 / min(path.get("events_per_message", SQS_BATCH), SQS_BATCH)
        yield from _worked(path, table)


def _received(path: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    share, logged = 1 / path["events_per_message"], table["log_bytes"]
    yield "http_api_requests", share
    yield "lambda_requests", share
    yield "lambda_gb_seconds", share * path["receiver_seconds"] * table["memory_gb"]["receiver"]
    yield "log_bytes", share * (logged["access"] + logged["receiver"] + logged["invocation"])
    yield "traces", share * table["sampling"]["share"]


def _worked(path: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    share, logged = 1 / path["events_per_batch"], table["log_bytes"]
    # Receive, and delete.
    yield "sqs_requests", 2 * share
    yield "lambda_requests", share
    yield "lambda_gb_seconds", share * path["worker_seconds"] * table["memory_gb"]["worker"]
    yield "log_bytes", logged["event"] + share * (logged["metrics"] + logged["invocation"])
    yield "traces", share * table["sampling"]["share"]


def costs_of_idle(counted: Mapping[str, int], table: Mapping[str, Any]) -> dict[str, float]:
    """Return the dollars of a month without events, by what they are paid for.

    Args:
        counted: how many there are of each part of IDLE; of schedules, how often they run in a month.
        table: prices.toml, which says how long a run takes and how often a queue is polled.
    """
    idle, prices = table["idle"], table["prices"]
    seconds = counted["schedules"] * idle["schedule_seconds"] * table["memory_gb"]["redelivery"]
    costs = {part: counted[part] * prices[part] for part in ("secrets", "alarms", "metrics", "keys")}
    return costs | {
        "schedules": counted["schedules"] * prices["lambda_requests"] + seconds * prices["lambda_gb_seconds"],
        "queues_polled": counted["queues_polled"] * idle["polls"] * prices["sqs_requests"],
    }


def dollars(amount: float) -> str:
    """Return an amount in dollars and cents, as the tables show it."""
    return "–" if amount == 0 else f"{amount:.2f}" if amount >= 0.005 else "<0.01"  # noqa: PLR2004 - half a cent


if __name__ == "__main__":
    sys.exit(main())
