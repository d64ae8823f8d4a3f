"""The measurements of the deployed system run, on a little of everything."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from tests.end_to_end.declarations import BASE
from tools.bench.deployment import WEBHOOK_OUTSIDE, Deployment, Outside
from tools.bench.figures import arrival, delivery, working
from tools.bench.scale import SMOKE

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment as Shared


def should_measure_the_way_to_the_queue_and_outside_and_a_worker(deployment: Shared) -> None:
    with Outside(deployment.system) as outside:
        deployment.deploy(
            BASE + WEBHOOK_OUTSIDE, target_urls=outside.target_urls, once_filled=outside.give_receipts
        )
        with Deployment(deployment.system, deployment.outputs, outside.sink) as measured:
            found = [
                *arrival.measure(measured, SMOKE),
                *delivery.measure(measured, SMOKE),
                *working.measure(measured, SMOKE),
            ]
            measured.empty()

    assert [each.name for each in found] == [
        *("rest_sqs", "rest_outside"),
        *(
            "arrival_20_sqs_p50",
            "arrival_20_sqs_p99",
            "arrival_20_sqs_limited_p50",
            "arrival_20_sqs_limited_p99",
        ),
        *("arrival_20_outside_p50", "arrival_20_outside_p99", "waiting_20"),
        *("load", "backlog", "worker"),
    ]
    assert {each.name: list(each.ours) for each in found if each.name == "waiting_20"} == {"waiting_20": [0]}
    # How large they are says something about the machine: on a busy one, arrivals are seen before commits.
    assert {each.name for each in found if not each.ours or not all(map(isfinite, each.ours))} == set()
