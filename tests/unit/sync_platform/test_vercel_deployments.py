"""Variables take effect with a deployment: it is named, waited for, or made where that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sync_platform.errors import SyncError
from tests.unit.gateway import Reply
from tests.unit.sync_platform.deployed import VALUES, Deployed
from tests.unit.sync_platform.vercel import TEAM, VercelProject

if TYPE_CHECKING:
    from tests.unit.sync_platform.platforms import Platforms


def should_say_which_command_lets_the_variables_take_effect(
    deployed: Deployed, project: VercelProject
) -> None:
    assert project.live is not None

    data = deployed.create_resource("remote_app")

    assert (
        data["Effect"]
        == f'takes effect with the next production deployment: "vercel redeploy {project.live["url"]}"'
    )
    assert deployed.update_resource("remote_app")["Effect"] == data["Effect"]
    assert len(project.deployments) == 1


def should_say_that_there_is_no_deployment_yet(platforms: Platforms, deployed: Deployed) -> None:
    platforms.vercel.add_project("shop")
    deployed.project(redeploy=True)

    assert deployed.create_resource("remote_app")["Effect"].endswith('"vercel deploy --prod"')


def should_build_the_live_deployment_anew_where_that_is_wanted(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    first = project.live
    # What is newest is not what is live, after somebody has rolled back.
    platforms.vercel.deploy(project)
    project.live = first
    deployed.project(redeploy=True)

    data = deployed.create_resource("remote_app")

    made = project.deployments[-1]
    assert made["values"] == {"OTHER": "by hand", **VALUES}
    assert data["Effect"] == f"takes effect when production deployment {made['id']} is ready"
    [request] = [seen for seen in platforms.seen if seen.path == "/v13/deployments"]
    assert first is not None
    assert request.body["deploymentId"] == first["id"]
    assert dict(request.query) == {"forceNew": "1", "teamId": TEAM}


def should_wait_for_a_deployment_that_is_under_way_instead_of_making_another(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.project(redeploy=True)
    first = deployed.create_resource("remote_app")

    assert deployed.invoke()["remote_app"]["Effect"] == first["Effect"]
    platforms.vercel.finish(project)
    assert deployed.invoke()["remote_app"]["Effect"].startswith("in effect: production deployment dpl_")
    assert len(project.deployments) == 2


def should_make_up_for_a_deployment_that_could_not_be_made(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.project(redeploy=True)
    platforms.on("POST /v13/deployments", Reply(503))
    with pytest.raises(SyncError, match="Vercel answered 503"):
        deployed.create_resource("remote_app")

    data = deployed.create_resource("remote_app")

    assert data["Written"] == ""
    assert "when production deployment" in data["Effect"]
    assert len(project.deployments) == 2


def should_not_take_a_deployment_that_failed_for_one_that_has_the_variables(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    project.live = platforms.vercel.deploy(project, "ERROR")

    assert deployed.invoke()["remote_app"]["Effect"].startswith("takes effect with the next production")
