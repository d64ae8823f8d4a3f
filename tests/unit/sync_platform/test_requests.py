"""What is asked of the function, and the entries that it reads for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from bridge.errors import SettingsError
from sync_platform.errors import EventError, SyncError
from sync_platform.request import ResourceRequest
from sync_platform.settings import Settings
from tests.unit.gateway import Reply
from tests.unit.sync_platform.cloudflare import ACCOUNT, WorkerScript
from tests.unit.sync_platform.deployed import FIRST, VALUES

if TYPE_CHECKING:
    from tests.unit.sync_platform.deployed import Deployed
    from tests.unit.sync_platform.platforms import Platforms


@pytest.fixture
def worker(platforms: Platforms, deployed: Deployed) -> WorkerScript:
    deployed.worker()
    return platforms.cloudflare.workers.setdefault("shop-prod", WorkerScript())


@pytest.fixture
def other(platforms: Platforms, deployed: Deployed) -> WorkerScript:
    deployed.worker("other_worker", script="other")
    return platforms.cloudflare.workers.setdefault("other", WorkerScript())


def should_put_only_the_target_that_is_named(
    deployed: Deployed, worker: WorkerScript, other: WorkerScript
) -> None:
    answer = deployed.invoke({"target": "other_worker"})

    assert answer.keys() == {"other_worker"}
    assert (worker.secrets, other.secrets) == ({}, VALUES)


def should_put_all_targets_whatever_becomes_of_one(
    deployed: Deployed, worker: WorkerScript, other: WorkerScript
) -> None:
    worker.newest_is_deployed = False

    with pytest.raises(SyncError) as raised:
        deployed.invoke()

    assert other.secrets == VALUES
    assert str(raised.value).startswith('target "remote_worker": Cloudflare answered 400 (10215: ')
    assert str(raised.value).endswith("; other_worker: in effect: a new version of the Worker is deployed")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {"target": "remote_wroker"},
            "'remote_wroker' is no target that is kept in step; known: \"remote_worker\"",
        ),
        ({"target": ["remote_worker"]}, r"\['remote_worker'\] is no target"),
        ({"targets": "remote_worker"}, 'the event has no "targets"; it may have "force", "target"'),
        ({"force": "yes"}, '"force" of the event must be true or false'),
    ],
)
def should_refuse_an_event_that_may_mean_something_else(
    deployed: Deployed, worker: WorkerScript, event: dict[str, Any], words: str
) -> None:
    with pytest.raises(EventError, match=words):
        deployed.invoke(event)

    assert worker.secrets == {}


@pytest.mark.usefixtures("worker")
def should_name_a_property_that_is_missing(deployed: Deployed) -> None:
    del deployed.targets["remote_worker"]["Script"]

    with pytest.raises(KeyError, match="Script"):
        deployed.create_resource("remote_worker")


def should_read_a_resource_of_vercel() -> None:
    properties = {
        "Target": "remote_app",
        "SecretId": "external-compute/prod/target-remote-app",
        "Variables": ["SUPABASE_URL"],
        "Platform": "vercel",
        "Project": "shop",
        "Team": "",
        "Environments": ["production"],
        "Redeploy": "false",
    }
    request = ResourceRequest.parse({"RequestType": "Create", "ResourceProperties": properties})

    assert (request.kind, request.place_id, request.target.name) == ("Create", "", "remote_app")
    assert request.target.place.platform == "vercel"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "missing", ["TARGETS", "SUPABASE_SECRET_ID", "CLOUDFLARE_SECRET_ID", "VERCEL_SECRET_ID"]
)
def should_name_a_variable_of_its_own_that_is_missing(missing: str) -> None:
    names = ("SUPABASE_SECRET_ID", "CLOUDFLARE_SECRET_ID", "VERCEL_SECRET_ID")
    environment = {"TARGETS": "[]", **dict.fromkeys(names, "entry")}
    assert Settings.from_environment(environment).vercel_url == "https://api.vercel.com"
    del environment[missing]

    with pytest.raises(SettingsError, match=missing):
        Settings.from_environment(environment)


@pytest.mark.parametrize("members", [None, {}, {"api_token": ""}])
def should_say_how_to_fill_the_entry_with_the_token(
    deployed: Deployed, worker: WorkerScript, members: dict[str, str] | None
) -> None:
    if members is None:
        client = boto3.client("secretsmanager")
        client.delete_secret(SecretId=deployed.cloudflare.id, ForceDeleteWithoutRecovery=True)
        client.create_secret(Name=deployed.cloudflare.id)
    else:
        deployed.cloudflare.put(members)

    with pytest.raises(SyncError) as raised:
        deployed.create_resource("remote_worker")

    assert f'"{deployed.cloudflare.id}"' in str(raised.value)
    assert "make secrets STAGE=test" in str(raised.value)
    assert str(raised.value).endswith("with a line CLOUDFLARE_API_TOKEN=… in it")
    assert worker.versions == 1


@pytest.mark.usefixtures("worker")
def should_not_send_a_token_that_is_no_header(deployed: Deployed) -> None:
    deployed.cloudflare.put({"api_token": "two words"})

    with pytest.raises(SyncError, match="is no token: it is broken") as raised:
        deployed.create_resource("remote_worker")

    assert "two words" not in str(raised.value)


@pytest.mark.parametrize(
    "members", [{"current": "hunter2", "previous": ""}, {"current": FIRST, "previous": "hunter2"}]
)
def should_not_put_a_signing_secret_that_is_none(
    deployed: Deployed, worker: WorkerScript, members: dict[str, str]
) -> None:
    deployed.signing("remote_worker").put(members)

    with pytest.raises(
        SyncError, match=f'secret "{deployed.signing("remote_worker").id}": a signing secret must'
    ):
        deployed.invoke({"target": "remote_worker"})

    assert worker.secrets == {}


def should_read_what_has_changed_since_the_last_invocation(deployed: Deployed, worker: WorkerScript) -> None:
    deployed.invoke()
    deployed.supabase.put({"url": "https://other.example.com", "anon_key": "other"})

    deployed.invoke()

    assert worker.secrets["SUPABASE_URL"] == "https://other.example.com"
    assert worker.secrets["SUPABASE_ANON_KEY"] == "other"


@pytest.mark.usefixtures("worker")
def should_refuse_a_variable_that_it_knows_nothing_of(deployed: Deployed) -> None:
    deployed.targets["remote_worker"]["Variables"] = ["DATABASE_URL"]

    with pytest.raises(SyncError, match='nothing is known of a variable "DATABASE_URL"'):
        deployed.create_resource("remote_worker")


def should_log_what_was_done_without_the_event(
    platforms: Platforms, deployed: Deployed, worker: WorkerScript
) -> None:
    deployed.create_resource("remote_worker")
    platforms.on("PATCH", *[Reply(400)])
    with pytest.raises(SyncError):
        deployed.update_resource("remote_worker")
    deployed.delete_resource(deployed.withdraw("remote_worker"), f"cloudflare/{ACCOUNT}/shop-prod")

    log = deployed.log.getvalue()
    assert '"message":"put"' in log
    assert '"message":"failed"' in log
    assert '"message":"removed"' in log
    assert "ResponseURL" not in log
    assert worker.secrets == {}
