"""A Worker's secrets: put at once, rotated with an overlap, removed, and never without saying why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sync_platform.errors import SyncError
from tests.unit.sync_platform.cloudflare import ACCOUNT, WorkerScript
from tests.unit.sync_platform.deployed import FIRST, SECOND, VALUES

if TYPE_CHECKING:
    from tests.unit.sync_platform.deployed import Deployed
    from tests.unit.sync_platform.platforms import Platforms


@pytest.fixture
def worker(platforms: Platforms, deployed: Deployed) -> WorkerScript:
    """A Worker that is deployed, with a secret of its own, and a target that names it."""
    worker = platforms.cloudflare.workers["shop-prod"] = WorkerScript(secrets={"OTHER": "its own"})
    deployed.worker()
    return worker


def should_put_all_secrets_in_one_version(deployed: Deployed, worker: WorkerScript) -> None:
    data = deployed.create_resource("remote_worker")

    assert worker.secrets == {"OTHER": "its own", **VALUES}
    assert worker.versions == 2
    assert data["Written"] == "WEBHOOK_SIGNING_SECRET, SUPABASE_URL, SUPABASE_ANON_KEY"
    assert data["Effect"] == "in effect: a new version of the Worker is deployed"
    assert deployed.ids["remote_worker"] == f"cloudflare/{ACCOUNT}/shop-prod"


def should_put_both_signing_secrets_in_one_value_while_they_rotate(
    deployed: Deployed, worker: WorkerScript
) -> None:
    deployed.create_resource("remote_worker")
    deployed.signing("remote_worker").put({"current": f"whsec_{SECOND}", "previous": FIRST})

    answer = deployed.invoke({"target": "remote_worker"})

    assert worker.secrets["WEBHOOK_SIGNING_SECRET"] == f"whsec_{SECOND} whsec_{FIRST}"
    assert answer["remote_worker"]["Effect"].startswith("in effect")
    deployed.signing("remote_worker").put({"current": SECOND, "previous": ""})
    deployed.invoke()
    assert worker.secrets["WEBHOOK_SIGNING_SECRET"] == f"whsec_{SECOND}"
    assert worker.versions == 4


def should_move_with_the_target_and_leave_nothing_behind(
    platforms: Platforms, deployed: Deployed, worker: WorkerScript
) -> None:
    deployed.create_resource("remote_worker")
    before, old_id = deployed.targets["remote_worker"], deployed.ids["remote_worker"]
    other = platforms.cloudflare.workers["other"] = WorkerScript()
    deployed.worker(script="other")

    deployed.update_resource("remote_worker")
    data = deployed.delete_resource(before, old_id)

    assert other.secrets == VALUES
    assert deployed.ids["remote_worker"] != old_id
    assert worker.secrets == {"OTHER": "its own"}
    assert data["Effect"] == "removed"


def should_remove_what_is_still_there(deployed: Deployed, worker: WorkerScript) -> None:
    deployed.create_resource("remote_worker")
    del worker.secrets["SUPABASE_URL"]

    deployed.delete_resource(deployed.withdraw("remote_worker"))

    assert worker.secrets == {"OTHER": "its own"}


def should_make_no_version_where_nothing_is_left_to_remove(deployed: Deployed, worker: WorkerScript) -> None:
    data = deployed.delete_resource(deployed.withdraw("remote_worker"), "cloudflare/x/shop-prod")

    assert data["Effect"] == "nothing was there to remove"
    assert worker.versions == 1


def should_take_a_worker_that_is_gone_for_done_when_deleting(
    platforms: Platforms, deployed: Deployed
) -> None:
    deployed.worker()

    data = deployed.delete_resource(deployed.withdraw("remote_worker"), "cloudflare/x/shop-prod")

    assert data["Effect"] == "nothing was there to remove"
    assert platforms.count("PATCH") == 0


def should_not_take_the_secrets_from_a_renamed_target(deployed: Deployed, worker: WorkerScript) -> None:
    deployed.create_resource("remote_worker")
    before = deployed.withdraw("remote_worker")
    deployed.worker("shop_worker")
    deployed.signing("shop_worker").put({"current": SECOND, "previous": ""})
    deployed.create_resource("shop_worker")

    deployed.delete_resource(before)

    assert worker.secrets == {"OTHER": "its own", **VALUES, "WEBHOOK_SIGNING_SECRET": f"whsec_{SECOND}"}


def should_give_a_target_its_secrets_back_when_a_renaming_is_rolled_back(
    deployed: Deployed, worker: WorkerScript
) -> None:
    deployed.create_resource("remote_worker")
    deployed.worker("shop_worker")
    deployed.signing("shop_worker").put({"current": SECOND, "previous": ""})
    deployed.create_resource("shop_worker")

    deployed.delete_resource(deployed.withdraw("shop_worker"))

    assert worker.secrets == {"OTHER": "its own", **VALUES}


@pytest.mark.usefixtures("deployed")
def should_say_to_deploy_the_worker_first(deployed: Deployed) -> None:
    deployed.worker(script="not-yet")

    with pytest.raises(SyncError, match="404") as raised:
        deployed.create_resource("remote_worker")

    assert str(raised.value) == (
        'target "remote_worker": Cloudflare answered 404 (10007: This Worker does not exist on your account.)'
        f' for Worker "not-yet": it is not in account "{ACCOUNT}"; deploy it first with "wrangler deploy",'
        " then repeat this"
    )


@pytest.mark.parametrize(
    ("token", "status"),
    [("another-token-0123456789", 401), ("short", 400), ("ends-with-a-line-break\n", 401)],
)
@pytest.mark.usefixtures("worker")
def should_name_the_permission_that_the_token_needs(deployed: Deployed, token: str, status: int) -> None:
    deployed.cloudflare.put({"api_token": token})

    with pytest.raises(SyncError) as raised:
        deployed.create_resource("remote_worker")

    assert f"Cloudflare answered {status} (" in str(raised.value)
    assert f'"api_token" of secret "{deployed.cloudflare.id}" must be valid' in str(raised.value)
    assert 'the permission "Workers Scripts Write" for account' in str(raised.value)
    assert token.strip() not in str(raised.value)


@pytest.mark.usefixtures("worker")
def should_name_the_account_where_the_token_is_for_another_one(deployed: Deployed) -> None:
    deployed.worker(AccountId="f" * 32)

    with pytest.raises(SyncError, match=re.escape(f'Write" for account "{"f" * 32}"')):
        deployed.create_resource("remote_worker")


@pytest.mark.usefixtures("worker")
def should_say_which_account_id_is_none(deployed: Deployed) -> None:
    deployed.worker(AccountId="f" * 31)

    with pytest.raises(SyncError, match=r"404 \(7003: .*correct account_id, which is"):
        deployed.create_resource("remote_worker")


def should_say_what_to_do_about_a_plain_variable_of_the_same_name(
    deployed: Deployed, worker: WorkerScript
) -> None:
    worker.variables.add("SUPABASE_URL")

    with pytest.raises(SyncError, match=r'400 \(10053: .*take that name out of "vars"'):
        deployed.create_resource("remote_worker")

    assert worker.secrets == {"OTHER": "its own"}


def should_not_deploy_a_version_that_somebody_holds_back(deployed: Deployed, worker: WorkerScript) -> None:
    worker.newest_is_deployed = False

    with pytest.raises(SyncError, match=r'10215: .*"wrangler versions deploy"'):
        deployed.create_resource("remote_worker")
