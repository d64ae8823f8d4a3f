"""SQS, and who puts events into queues."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tools.faults.proxies import sqs
from tools.faults.scenario import Scene, scenario
from tools.faults.scenarios.pg_net import stopped
from tools.faults.writing import SINGLE, SPARSE, Load

RUNS = 4
# More messages than one run leases at a time.
MANY = Load(pause=0.02, transactions=SINGLE)


@scenario("half-a-batch", load=SPARSE)
def half_a_batch(scene: Scene) -> None:
    """SQS accepts every other entry of each batch, from receiver and redelivery alike; then all of them."""
    world = scene.world
    with ExitStack() as stack:
        stack.enter_context(world.receiver_sqs.behaving(sqs.half_a_batch))
        stack.enter_context(world.redeliver_sqs.behaving(sqs.half_a_batch))
        # Until a statement of several rows has come.
        scene.flow(8)
        world.redeliver()
    scene.require(scene.tried("HTTP 503"), "the receiver missed no half of a batch")
    scene.require(scene.tried("", by="redeliver"), "redelivery missed no half of a batch")


@scenario("two-redeliveries", load=MANY)
def two_redeliveries(scene: Scene) -> None:
    """Four redeliveries run at once over what a pause has left; each delivers what no other does."""
    world = scene.world
    with stopped(scene):
        world.database.value("select bridge.pause_webhook('order.created')")
        scene.flow()
        world.database.value("select bridge.resume_webhook('order.created')")
        with (
            world.redeliver_sqs.behaving(sqs.enqueueing_late(0.3)),
            ThreadPoolExecutor(RUNS) as pool,
        ):
            summaries = list(pool.map(lambda _: world.redeliver(), range(RUNS)))
    delivering = [summary for summary in summaries if summary.get("redelivered")]
    scene.require(len(delivering) > 1, f"fewer than two runs had anything to deliver: {summaries}")
