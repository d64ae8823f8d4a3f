"""Workers: they die, hear nothing, and get events that they can't process."""

from tools.faults.scenario import Scene, scenario
from tools.faults.writing import Load

ATTEMPTS = 2


@scenario("worker-killed")
def killed(scene: Scene) -> None:
    """The worker's instances are killed when an effect is committed, before they know; others follow."""
    world = scene.world
    count = 0

    def kill() -> None:
        nonlocal count
        count += world.cloud.kill(world.worker)

    with world.worker_database.withholding_commits(kill):
        scene.wait_for(lambda: count, "no worker was killed")
    scene.flow(3)


@scenario("commit-unanswered")
def unanswered(scene: Scene) -> None:
    """The worker's connection breaks while it waits for the answer to COMMIT; then connections hold."""
    with scene.world.worker_database.withholding_commits() as met:
        scene.flow(3)
    scene.require(met, "no COMMIT was left without an answer")
    scene.flow(2)


@scenario("poison", load=Load(mistakes=True))
def poison(scene: Scene) -> None:
    """Orders whose items don't add up come among good ones; they alone end in the dead-letter queue."""
    world = scene.world
    policy = world.cloud.redrive_policy(world.queue, ATTEMPTS)
    scene.until_settled(world.cloud.attributes(world.queue, RedrivePolicy=policy))
    scene.flow(8)
