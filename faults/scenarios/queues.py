"""SQS, and who puts events into queues."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from faults.proxies import sqs
from faults.scenario import Scene, scenario

RUNS = 4


@scenario("half-a-batch")
def half_a_batch(scene: Scene) -> None:
    """SQS accepts every other entry of each batch, from receiver and redelivery alike; then all of them."""
    world = scene.world
    with ExitStack() as stack:
        met = stack.enter_context(world.receiver_sqs.behaving(sqs.half_a_batch))
        stack.enter_context(world.redeliver_sqs.behaving(sqs.half_a_batch))
        scene.flow()
        world.redeliver()
    scene.require(met, "no batch was sent")
    scene.require(scene.failed("HTTP 503"), "no message failed for half of its events")


@scenario("two-redeliveries")
def two_redeliveries(scene: Scene) -> None:
    """Four redeliveries run at once over a backlog that pg_net has left; each delivers what no other does."""
    world = scene.world
    world.system.pg_net.stop()
    try:
        scene.flow()
        with (
            world.redeliver_sqs.behaving(sqs.enqueueing_late(0.3)),
            ThreadPoolExecutor(RUNS) as pool,
        ):
            summaries = list(pool.map(lambda _: world.redeliver(), range(RUNS)))
    finally:
        world.system.pg_net.start()
    delivering = [summary for summary in summaries if summary.get("redelivered")]
    scene.require(len(delivering) > 1, f"fewer than two runs had anything to deliver: {summaries}")
