"""The signing secret, and the clock that signatures depend on."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

from tools.faults.proxies.http import counting
from tools.faults.scenario import Scene, scenario
from tools.faults.writing import SPARSE

ENTRY = "external-compute/local/webhook-signing"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
ACCEPTED, UNAUTHORIZED = 202, 401
POST = "bridge.post_to(bridge.address[], text, jsonb, text)"
CLOCK = "clock_timestamp()"


@scenario("secret-rotated", load=SPARSE)
def rotated(scene: Scene) -> None:
    """The signing secret is rotated amid writes, step by step; not one request is refused for it."""
    world = scene.world
    function, token = str(world.outputs["RotateSecretFunction"]), str(uuid4())
    before = world.cloud.secret(ENTRY)["current"]
    statuses: Counter[int] = Counter()
    with world.api.behaving(counting(statuses)):
        for step in STEPS:
            answer = world.cloud.invoke(
                function, {"SecretId": ENTRY, "ClientRequestToken": token, "Step": step}
            )
            scene.require("errorMessage" not in answer, f"{step}: {answer.get('errorMessage')}")
            scene.flow(1.5)
        scene.flow(3)
    scene.require(world.cloud.secret(ENTRY)["current"] != before, "the secret is the same")
    scene.require(statuses[ACCEPTED], "no message was accepted meanwhile")
    scene.expect(not statuses[UNAUTHORIZED], f"{statuses[UNAUTHORIZED]} requests were refused")


@scenario("clock-4-minutes-ahead", load=SPARSE)
def ahead(scene: Scene) -> None:
    """The database's clock is four minutes ahead, within what the standard tolerates: all is accepted."""
    _require_accepted(scene, "4 minutes")


@scenario("clock-4-minutes-behind", load=SPARSE)
def behind(scene: Scene) -> None:
    """The database's clock is four minutes behind: all is accepted."""
    _require_accepted(scene, "-4 minutes")


@scenario("clock-6-minutes-ahead", load=SPARSE)
def far_ahead(scene: Scene) -> None:
    """The database's clock is six minutes ahead: requests are refused, and redelivery delivers."""
    _require_refused(scene, "6 minutes")


@scenario("clock-6-minutes-behind", load=SPARSE)
def far_behind(scene: Scene) -> None:
    """The database's clock is six minutes behind: requests are refused, and redelivery delivers."""
    _require_refused(scene, "-6 minutes")


def _require_accepted(scene: Scene, offset: str) -> None:
    with _signing_with(scene, offset) as statuses:
        scene.flow(4)
    scene.require(statuses[ACCEPTED], "no message was accepted")
    scene.expect(not statuses[UNAUTHORIZED], f"{statuses[UNAUTHORIZED]} requests were refused")


def _require_refused(scene: Scene, offset: str) -> None:
    with _signing_with(scene, offset) as statuses:
        scene.flow(4)
        scene.world.redeliver()
    scene.require(statuses[UNAUTHORIZED], "no request was refused")
    scene.require(scene.tried("HTTP 401"), "no message failed with 401")


@contextlib.contextmanager
def _signing_with(scene: Scene, offset: str) -> Iterator[Counter[int]]:
    """Let signatures be made as if the clock were off; gives the API's answers by status."""
    database = scene.world.database
    definition = database.value(f"select pg_get_functiondef('{POST}'::regprocedure)")
    statuses: Counter[int] = Counter()
    with scene.world.api.behaving(counting(statuses)):
        database.run(definition.replace(CLOCK, f"({CLOCK} + interval '{offset}')"))
        try:
            yield statuses
        finally:
            database.run(definition)
