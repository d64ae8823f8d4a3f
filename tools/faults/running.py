"""Runs scenarios: rows flow, something breaks, is mended, and what arrived is compared."""

import contextlib
import time
from dataclasses import dataclass, field

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from tools.errors import LocalError
from tools.faults.counting import Count
from tools.faults.errors import FaultsError, SkippedError
from tools.faults.scenario import Scenario, Scene
from tools.faults.world import World
from tools.faults.writing import Writer, Written

SETTLE_SECONDS = 75.0
# Far from what anybody waits for a remote: pg_net gives one five seconds. A write takes milliseconds, and
# on busy cores waits for its turn.
SLOWEST_WRITE_SECONDS = 2.0
PROMPT_SECONDS = 10.0
BEFORE_SECONDS = AFTER_SECONDS = 1.0
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a scenario.

    Attributes:
        name: the scenario's.
        summary: the scenario's.
        outcome: passed, failed or skipped.
        problems: why it failed or was skipped.
        seconds: that it took.
        count: what was compared; None for one that was skipped, or did not come that far.
        written: what became of the writes.
    """

    name: str
    summary: str
    outcome: str
    seconds: float
    problems: list[str] = field(default_factory=list)
    count: Count | None = None
    written: Written = field(default_factory=Written)


def run(world: World, scenario: Scenario) -> Result:
    """Run one scenario to its end, whatever it ends with."""
    began = time.monotonic()
    written, counted, outcome = Written(), None, FAILED
    try:
        written, counts, problems = _run(world, scenario)
        counted = counts[0]
        problems += problems_of(written, disconnects=scenario.disconnects)
        for route, count in zip(scenario.routes, counts, strict=True):
            problems += [f"{route.target}: {problem}" for problem in count.problems()]
        outcome = FAILED if problems else PASSED
    except SkippedError as error:
        outcome, problems = SKIPPED, [str(error)]
    except (FaultsError, LocalError, psycopg.Error, BotoCoreError, ClientError) as error:
        problems = [f"{type(error).__name__}: {error}"]
    return Result(
        name=scenario.name,
        summary=scenario.summary,
        outcome=outcome,
        problems=problems,
        seconds=time.monotonic() - began,
        count=counted,
        written=written,
    )


def problems_of(written: Written, *, disconnects: bool) -> list[str]:
    """Return what of the writes is not as it must be, in words.

    Args:
        written: what became of them.
        disconnects: whether connections may have been lost.
    """
    problems = [f"{times} writes failed with {error}" for error, times in written.failures.items()]
    if written.lost and not disconnects:
        problems.append(f"{written.lost} writes lost their connection")
    if written.slowest > SLOWEST_WRITE_SECONDS:
        problems.append(f"a write took {written.slowest:.1f} s, more than {SLOWEST_WRITE_SECONDS:g} s")
    return problems


def _run(world: World, scenario: Scenario) -> tuple[Written, list[Count], list[str]]:
    world.interpose()
    world.warm()
    world.rest()
    with contextlib.closing(Scene(world, scenario)) as scene:
        with Writer(world.system.direct_url, scene.sku, scenario.load) as writer:
            scene.flow(BEFORE_SECONDS)
            scenario.run(scene)
            scene.flow(AFTER_SECONDS)
        problems = _left_waiting(scene) if scenario.prompt else []
        return writer.written, settle(scene), problems


def _left_waiting(scene: Scene) -> list[str]:
    """Return in words what waits some seconds after the last write; no run of the schedule helps."""
    deadline = time.monotonic() + PROMPT_SECONDS
    while (waiting := scene.pending()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [f"{waiting} messages wait {PROMPT_SECONDS:g} s after the last write"] if waiting else []


def settle(scene: Scene, *, seconds: float = SETTLE_SECONDS) -> list[Count]:
    """Redeliver until nothing is on its way any more, duplicates included, or it has taken too long."""
    world, deadline = scene.world, time.monotonic() + seconds
    while True:
        world.redeliver()
        settled = all(count.settled for count in scene.counts()) and not world.busy
        if settled or time.monotonic() > deadline:
            return scene.counts(with_duplicates=True)
        world.hurry(scene.first_id)
        time.sleep(0.5)
