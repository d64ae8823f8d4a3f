"""API Gateway, and the receiver behind it."""

from tools.faults.proxies import sqs
from tools.faults.proxies.http import answering, keeping_the_answer
from tools.faults.scenario import Scene, scenario
from tools.faults.writing import SPARSE


@scenario("api-refuses", load=SPARSE)
def refuses(scene: Scene) -> None:
    """The API refuses connections; then it listens again."""
    with scene.world.api.refusing():
        scene.flow()
        scene.world.redeliver()
        scene.require(scene.tried("Could not connect"), "no message was refused")


@scenario("api-silent", load=SPARSE)
def silent(scene: Scene) -> None:
    """The API accepts requests and answers none: pg_net waits five seconds for each batch; then it does."""
    with scene.world.api.silent() as met:
        scene.flow(8)
        scene.world.redeliver()
        scene.require(met, "no request was left without an answer")
        scene.require(scene.tried("timed out"), "no message timed out")


@scenario("api-500", load=SPARSE)
def answers_500(scene: Scene) -> None:
    """The API answers 500 to everything; then it works again."""
    with scene.world.api.behaving(answering(500)) as met:
        scene.flow()
        scene.world.redeliver()
    scene.require(met, "no request was answered with 500")
    scene.require(scene.tried("HTTP 500"), "no message failed with 500")


@scenario("api-429", load=SPARSE)
def answers_429(scene: Scene) -> None:
    """The API answers 429 and asks for half a minute; then it takes requests again."""
    with scene.world.api.behaving(answering(429, retry_after="30")) as met:
        scene.flow()
        scene.world.redeliver()
    scene.require(met, "no request was answered with 429")
    scene.require(scene.tried("HTTP 429"), "no message failed with 429")


@scenario("api-redirects", load=SPARSE)
def redirects(scene: Scene) -> None:
    """The API redirects to a page that answers 200 and is no receiver; then it is itself again."""
    elsewhere = answering(200)
    moved = answering(302, location="/elsewhere")
    with scene.world.api.behaving(
        lambda request, send: (elsewhere if request.path == "/elsewhere" else moved)(request, send)
    ) as met:
        scene.flow()
        scene.world.redeliver()
    scene.require(met, "no request was redirected")
    scene.require(scene.tried("HTTP 200 without a receipt"), "no redirect was followed")


@scenario("answers-lost", load=SPARSE)
def answers_lost(scene: Scene) -> None:
    """The API takes every message and its answer is lost on the way back; then answers arrive again."""
    with scene.world.api.behaving(keeping_the_answer) as met:
        scene.flow()
        scene.world.redeliver()
    scene.require(met, "no answer was lost")


@scenario("receiver-killed", load=SPARSE)
def receiver_killed(scene: Scene) -> None:
    """The receiver is killed between enqueueing and answering, again and again; then it lives."""
    world = scene.world
    killed = 0

    def kill() -> None:
        nonlocal killed
        killed += world.cloud.kill(world.receiver)

    # Not each time: starting as many instances as there are requests is more than this machine can do.
    with world.receiver_sqs.behaving(sqs.after_enqueueing(kill, every=2)):
        scene.flow()
        world.redeliver()
    scene.require(killed, "no receiver was killed")
