"""Vault: gone, or unable to decrypt what it has."""

from tools.faults import bridge
from tools.faults.errors import SkippedError
from tools.faults.proxies.http import aging
from tools.faults.scenario import Scene, scenario
from tools.faults.scenarios.deployments import OTHER_CONDITION
from tools.faults.scenarios.pg_net import PROBLEM, STATUS, renamed
from tools.faults.scenarios.targets import EXPORTED, SPARSE_IN_DOLLARS
from tools.faults.writing import SPARSE
from tools.local.supabase import lose_vault_key

IS_STAND_IN = "select to_regclass('vault.root_key') is not null"
LOST = 'Vault has no secret "bridge_signing_secret", "bridge_signing_secret:partner" that it can decrypt'


@scenario("vault-missing", load=SPARSE)
def missing(scene: Scene) -> None:
    """Schema vault is gone: nothing can be signed in the database; then it is back."""
    with renamed(scene, "vault"):
        scene.flow()
        scene.require(scene.pending(), "no message waits")


@scenario("vault-key-lost", routes=EXPORTED, load=SPARSE_IN_DOLLARS)
def key_lost(scene: Scene) -> None:
    """Vault's root key is lost, twice: a deployment puts the secrets back, and what runs each hour does."""
    world = scene.world
    if world.bridge is None:
        raise SkippedError("the deployment is another's")
    if not world.database.value(IS_STAND_IN):
        raise SkippedError("Vault is the extension, whose key is the server's")
    lose_vault_key(world.system.admin_url)
    scene.flow()
    scene.require(scene.pending(), "no message waits")
    for of in (PROBLEM, STATUS):
        problem = world.database.value(of)
        scene.expect(LOST in problem, f"it says of Vault only: {problem!r}")
    summary = world.redeliver()
    scene.require(summary.get("redelivered"), f"redelivery took nothing over: {summary}")
    # One that changes nothing would not come to the database.
    world.bridge.deploy(OTHER_CONDITION + bridge.EXPORTED, api=world.api.url)
    world.interpose()
    _expect_to_sign(scene)
    lose_vault_key(world.system.admin_url)
    answer = world.cloud.invoke(str(world.outputs["RotateSecretFunction"]), {})
    scene.expect("errorMessage" not in answer, f"the secrets could not be put back: {answer}")
    _expect_to_sign(scene)
    world.bridge.deploy(bridge.CREATED + bridge.EXPORTED, api=world.api.url)
    world.interpose()


def _expect_to_sign(scene: Scene) -> None:
    problem = scene.world.database.value(PROBLEM)
    scene.expect(not problem, f"it still says of Vault: {problem!r}")
    ages: list[float] = []
    with scene.world.api.behaving(aging(ages)):
        scene.flow(4)
    scene.expect(ages, "nothing is signed and posted")
