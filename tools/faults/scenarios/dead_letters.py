"""From a failure that no attempt survives to a dead letter, and back again."""

from tools.faults.errors import SkippedError
from tools.faults.proxies.http import answering
from tools.faults.scenario import Scene, scenario

ATTEMPTS = 1
REFUSE = "insert into faults.refused (sku) values (%(sku)s)"
ACCEPT = "delete from faults.refused where sku = %(sku)s"
ALL_BUT_THE_LAST_ATTEMPT = """
update bridge.message set attempts = 9 where state = 'pending' and id >= %(first_id)s
"""
DEAD = "select count(*) from bridge.message where state = 'dead' and id >= %(first_id)s"
REPLAY = "select bridge.replay(webhook => 'order.created', dead_only => true)"


@scenario("worker-dead-letters")
def redriven(scene: Scene) -> None:
    """A bug makes every event a dead letter; it is mended, and they are sent back to the worker."""
    world = scene.world
    if world.bridge is None:
        raise SkippedError("the deployment is another's")
    world.database.run(REFUSE, {"sku": scene.sku})
    policy = world.cloud.redrive_policy(world.queue, ATTEMPTS)
    with world.cloud.attributes(world.queue, RedrivePolicy=policy):
        scene.flow(4)
        scene.wait_for(
            lambda: world.cloud.waiting(world.dead_letters), "nothing became a dead letter", seconds=40
        )
    world.database.run(ACCEPT, {"sku": scene.sku})
    world.bridge.redrive()
    scene.require(not scene.count().unwarranted, "dead letters are left")


@scenario("outbox-dead-letters")
def replayed(scene: Scene) -> None:
    """API and SQS answer 500 to the last attempt for each message; then the dead letters are replayed."""
    world = scene.world
    with world.api.behaving(answering(500)), world.redeliver_sqs.behaving(answering(500)):
        scene.wait_for(lambda: _given_up(scene), "no message was given up", seconds=40)
    scene.require(world.database.value(REPLAY), "no message was replayed")


def _given_up(scene: Scene) -> object:
    world, values = scene.world, {"first_id": scene.first_id}
    world.database.run(ALL_BUT_THE_LAST_ATTEMPT, values)
    world.hurry(scene.first_id)
    world.redeliver()
    return world.database.value(DEAD, values)
