"""More writes than pg_net keeps up with."""

from tools.faults.scenario import Scene, scenario
from tools.faults.writing import BRISK

SECONDS = 60.0
# Of each second: fewer would not be what the name says.
ROWS = 90


@scenario("hundred-a-second", load=BRISK, prompt=True)
def hundred_a_second(scene: Scene) -> None:
    """A hundred transactions a second for a minute, and ten receivers: nothing waits ten seconds later."""
    before = scene.count().inserted
    scene.flow(SECONDS)
    rows = scene.count().inserted - before
    scene.require(rows >= ROWS * SECONDS, f"only {rows / SECONDS:.0f} rows a second were written")
