"""Postgres, its pooler, and the connections of those who deliver."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg

from tools.faults.errors import SkippedError
from tools.faults.proxies import sqs
from tools.faults.scenario import Scene, scenario
from tools.faults.scenarios.pg_net import stopped

LEASED = """
select count(*) from bridge.message where state = 'pending' and id >= %(first_id)s
  and due_at > clock_timestamp() + interval '1 minute'
"""
CRASHES = 2


@scenario("postgres-killed", disconnects=True)
def killed(scene: Scene) -> None:
    """Postgres is killed with SIGKILL amid writes, twice; it recovers, its unlogged tables empty."""
    server = scene.world.system.server
    if server is None:
        raise SkippedError("the database is a given one, which can't be killed")
    for _ in range(CRASHES):
        server.crash()
        server.start_again()
        scene.flow(3)


@scenario("redelivery-cut")
def redelivery_cut(scene: Scene) -> None:
    """Redelivery loses its connection while it holds messages, before it can say what became of them."""
    world = scene.world
    with stopped(scene), world.redeliver_sqs.behaving(sqs.enqueueing_late(2)):
        scene.flow()
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(world.redeliver)
            scene.wait_for(
                lambda: world.database.value(LEASED, {"first_id": scene.first_id}), "nothing was leased"
            )
            scene.require(world.redeliver_database.cut(), "redelivery had no connection")
            world.redeliver_database.stop()
            run.result()
            world.redeliver_database.start()
        scene.require(scene.pending(), "nothing was left to be delivered again")


@scenario("pooler-full")
def pooler_full(scene: Scene) -> None:
    """Others hold every connection that the pooler has; then they let go."""
    world = scene.world
    pooler = world.system.pooler
    if pooler is None:
        raise SkippedError("the pooler is a given one, whose size is not known")
    with ExitStack() as stack:
        for _ in range(pooler.size):
            holder = psycopg.connect(world.system.pooled_url, prepare_threshold=None)
            stack.enter_context(holder).execute("select 1")
        scene.flow(8)
        scene.require(scene.count().missing, "effects came about without a connection")
