"""What a million events cost: computed from the table of prices, and what docs/benchmarks.md shows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools.review import prices

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
TABLE = {
    "prices": {
        "http_api_requests": 1e-6,
        "lambda_requests": 2e-6,
        "lambda_gb_seconds": 1e-5,
        "sqs_requests": 4e-6,
        "log_bytes": 1e-9,
        "traces": 1e-5,
        "somewhere_requests": 3e-6,
    },
    "log_bytes": {"invocation": 100, "access": 10, "receiver": 20, "event": 30, "metrics": 40},
    "sampling": {"share": 0.1},
    "memory_gb": {"receiver": 0.5, "worker": 1, "redelivery": 0.5},
}


def cost(**path: object) -> dict[str, object]:
    found = prices.costs_of(path, TABLE)
    return {part: pytest.approx(amount) for part, amount in found.items() if amount}


def should_count_each_request_where_each_event_travels_alone() -> None:
    path = {"events_per_message": 1, "events_per_batch": 1, "receiver_seconds": 0.02, "worker_seconds": 0.03}

    assert cost(**path) == {
        "http_api_requests": 1,
        "lambda_requests": 2 + 2,
        "lambda_gb_seconds": 0.02 * 0.5 * 10 + 0.03 * 1 * 10,
        # Sent, received and deleted.
        "sqs_requests": 3 * 4,
        "log_bytes": 0.001 * (100 + 10 + 20 + 30 + 40 + 100),
        "traces": 2 * 0.1 * 10,
    }


def should_share_requests_among_the_events_of_a_message_and_of_a_batch() -> None:
    path = {
        "events_per_message": 100,
        "events_per_batch": 10,
        "receiver_seconds": 0.02,
        "worker_seconds": 0.03,
    }

    found = cost(**path)

    assert found["http_api_requests"] == 0.01
    assert found["lambda_requests"] == 2 * (0.01 + 0.1)
    # A message of a hundred is sent as ten batches of ten.
    assert found["sqs_requests"] == 4 * (0.1 + 0.2)


def should_pay_a_platform_for_its_requests_alone() -> None:
    assert cost(events_per_message=1, platform="somewhere_requests") == {"platform": 3}


def should_pay_redelivery_by_what_it_delivers_in_a_second() -> None:
    assert cost(redelivery_events_per_second=1000) == {"lambda_gb_seconds": 0.5 / 1000 * 10}


def should_be_what_the_documentation_shows() -> None:
    table = tomllib.loads(prices.FILE.read_text("utf-8"))

    assert prices.tables(table) in DOCUMENT.read_text("utf-8"), "run `make prices` and put it there"
