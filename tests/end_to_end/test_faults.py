"""A few of the fault suite's scenarios, on the shared deployment; `make faults` runs all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.faults.running import PASSED, run
from tools.faults.scenarios import api, pg_net, queues, workers
from tools.faults.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.deployment import Deployment
    from tools.faults.scenario import Scenario

SHORT = (
    pg_net.killed,
    pg_net.recreated,
    api.redirects,
    api.answers_lost,
    queues.half_a_batch,
    workers.killed,
)


@pytest.fixture(scope="module")
def world(shared_deployment: Deployment) -> Iterator[World]:
    shared_deployment.restore()
    with World(shared_deployment.system, shared_deployment.outputs) as world:
        # What tests of outages have left waits there for minutes, and each scenario for it.
        world.cloud.purge(world.queue)
        yield world


@pytest.mark.parametrize("scenario", SHORT, ids=[scenario.name for scenario in SHORT])
def should_lose_nothing(world: World, scenario: Scenario) -> None:
    result = run(world, scenario)

    assert (result.outcome, result.problems) == (PASSED, [])
    assert result.count is not None
    assert result.count.lost == 0
    assert result.count.effects == result.count.inserted > 0
    assert result.written.rolled_back > 0
