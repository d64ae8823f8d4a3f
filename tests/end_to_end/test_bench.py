"""The measurements of the deployed system run, on a little of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.deployment import Deployment
from bench.figures import delivery, working
from bench.scale import SMOKE

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment as Shared


def should_measure_the_way_to_the_queue_and_a_worker(deployment: Shared) -> None:
    with Deployment(deployment.system, deployment.outputs) as measured:
        found = [*delivery.measure(measured, SMOKE), *working.measure(measured, SMOKE)]
        measured.empty()

    assert [each.name for each in found] == ["idle", "load", "backlog", "worker"]
    assert all(sample > 0 for each in found if each.name != "load" for sample in (*each.ours, *each.theirs))
