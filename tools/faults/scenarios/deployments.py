"""Deployments that change triggers while rows are written, and one that fails."""

from tools.errors import DeployError
from tools.faults.bridge import CREATED, EXPORTED, Bridge
from tools.faults.errors import SkippedError
from tools.faults.scenario import Scene, scenario
from tools.faults.writing import Load

CHANGED = """
[[webhooks]]
name = "order.changed"
table = "public.orders"
operations = ["update"]
columns = ["currency"]
target = "process_order"
"""
OTHER_CONDITION = CREATED.replace("new.total > 0", "new.total >= 0.01 and new.items is not null")
MISTAKEN = CREATED.replace("new.total > 0", "new.totally > 0")
# Each deployment leaves the local AWS without a warm receiver, and it starts one for each request that waits.
SLOW = Load(pause=0.8)
TRIGGERS = "select count(*) from bridge.present_trigger"


@scenario("deployed-under-load", load=SLOW)
def changes(scene: Scene) -> None:
    """A deployment changes one trigger, adds one and takes one away under load; another takes that back."""
    world, bridge = scene.world, _bridge(scene)
    bridge.deploy(OTHER_CONDITION + CHANGED, api=world.api.url)
    scene.expect(world.database.value(TRIGGERS), "there are no triggers")
    bridge.deploy(CREATED + EXPORTED, api=world.api.url)
    world.interpose()


@scenario("deployment-rolled-back", load=SLOW)
def fails(scene: Scene) -> None:
    """A deployment with a mistake in a condition fails and is rolled back under load."""
    world, bridge = scene.world, _bridge(scene)
    before = world.database.value("select declaration::text from bridge.installation")
    try:
        bridge.deploy(MISTAKEN + CHANGED, api=world.api.url)
    except DeployError as error:
        scene.require("totally" in str(error), f"the deployment failed for something else: {error}")
    else:
        scene.require(None, "the deployment did not fail")
    after = world.database.value("select declaration::text from bridge.installation")
    scene.expect(after == before, "the declaration is another")
    bridge.deploy(CREATED + EXPORTED, api=world.api.url)
    world.interpose()


def _bridge(scene: Scene) -> Bridge:
    if scene.world.bridge is None:
        raise SkippedError("the deployment is another's")
    return scene.world.bridge
