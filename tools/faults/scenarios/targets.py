"""A target outside AWS, and what is paused."""

from dataclasses import replace

from tools.faults.counting import Route
from tools.faults.hostile import PG_NET, REDELIVERY, Hostile
from tools.faults.partner import NAME
from tools.faults.proxies.http import HttpProxy, answering
from tools.faults.scenario import Scene, scenario
from tools.faults.writing import SPARSE, Load

# The target that the fault is about, and the queue that gets the same messages and must not feel it.
EXPORTED = (
    Route(webhook="order.exported", target=NAME),
    Route(webhook="order.exported", target="process_order"),
)
IN_DOLLARS = Load(currency="usd")
SPARSE_IN_DOLLARS = replace(SPARSE, currency="usd")
PAUSED = "select count(*) from bridge.target where name = %(name)s and paused_at is not null"


def partner(scene: Scene) -> HttpProxy:
    """Return what stands before the target."""
    found = scene.world.partner
    assert found is not None  # noqa: S101 - the suite deploys one
    return found


@scenario("target-410", routes=EXPORTED, load=IN_DOLLARS)
def gone(scene: Scene) -> None:
    """A target answers 410 and is paused; it comes back, and whoever operates the bridge resumes it."""
    database = scene.world.database
    with partner(scene).behaving(answering(410)):
        scene.flow()
        scene.world.redeliver()
        scene.require(database.value(PAUSED, {"name": NAME}), "the target was not paused")
    scene.flow(1)
    scene.require(scene.pending(), "nothing has collected")
    database.value("select bridge.resume(%(name)s)", {"name": NAME})


@scenario("target-silent", routes=EXPORTED, load=IN_DOLLARS)
def silent(scene: Scene) -> None:
    """A target accepts requests and answers none, to pg_net or redelivery; then it does."""
    with partner(scene).silent() as met:
        scene.flow(8)
        scene.world.redeliver()
    scene.require(met, "no request was left without an answer")
    scene.world.database.value("select bridge.resume(%(name)s)", {"name": NAME})


@scenario("target-hostile", routes=EXPORTED, load=SPARSE_IN_DOLLARS)
def hostile(scene: Scene) -> None:
    """A target answers with bytes that are no text, with too many, with pages; then as it should."""
    world, answers = scene.world, Hostile()
    with partner(scene).behaving(answers):
        scene.wait_for(lambda: answers.all_met(PG_NET), f"pg_net met only {answers.met[PG_NET]}", seconds=40)
        scene.expect(not scene.late("process_order"), "the queue got its messages late while pg_net posted")
        summary = world.redeliver()
        scene.expect(summary.get("broken") == [], f"the answers broke redelivery: {summary}")
        scene.require(scene.tried("HTTP 200 without a receipt"), "no answer of the target's was looked at")
        scene.wait_for(
            lambda: answers.all_met(REDELIVERY), f"redelivery met only {answers.met[REDELIVERY]}", seconds=40
        )
        scene.expect(
            not scene.late("process_order"), "the queue got its messages late while redelivery posted"
        )
    world.database.value("select bridge.resume(%(name)s)", {"name": NAME})


@scenario("webhook-paused")
def paused(scene: Scene) -> None:
    """Whoever operates the bridge pauses the webhook amid writes; resumed, it delivers what has collected."""
    database = scene.world.database
    database.value("select bridge.pause_webhook('order.created')")
    scene.flow(4)
    scene.world.redeliver()
    scene.require(scene.pending(), "nothing has collected")
    database.value("select bridge.resume_webhook('order.created')")
