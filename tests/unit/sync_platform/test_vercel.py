"""A project's variables: written where they differ, and by their owner only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sync_platform.errors import SyncError
from tests.unit.gateway import Reply
from tests.unit.sync_platform.deployed import ANON_KEY, FIRST, SECOND, SENSITIVE, URL, VALUES, Deployed
from tests.unit.sync_platform.vercel import TEAM, VercelProject

if TYPE_CHECKING:
    from tests.unit.sync_platform.platforms import Platforms

ALL = "WEBHOOK_SIGNING_SECRET, SUPABASE_URL, SUPABASE_ANON_KEY"
WRITES = "(POST|DELETE) "


def should_put_the_signing_secret_so_that_nobody_can_read_it(
    deployed: Deployed, project: VercelProject
) -> None:
    data = deployed.create_resource("remote_app")

    assert project.values() == {"OTHER": "by hand", **VALUES}
    assert project.kinds() == {
        "OTHER": "encrypted",
        "WEBHOOK_SIGNING_SECRET": "sensitive",
        "SUPABASE_URL": "encrypted",
        "SUPABASE_ANON_KEY": "encrypted",
    }
    assert "SUPABASE_URL" not in project.values("preview")
    assert data["Written"] == ALL
    assert deployed.ids["remote_app"] == f"vercel/{project.id}"


def should_tell_in_comments_where_values_are_from_and_nothing_of_them(
    deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")

    comments = [variable["comment"] for variable in project.bodies[0]]
    source = deployed.signing("remote_app").id
    assert all(comment.startswith(f"Kept in step by {source} [") for comment in comments)
    assert len(set(comments)) == 3
    assert not any(part in comment for comment in comments for part in (*SENSITIVE, URL))


def should_write_nothing_that_is_the_same_already(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    platforms.vercel.deploy(project)
    platforms.seen.clear()

    data = deployed.update_resource("remote_app")

    assert platforms.count(WRITES) == 0
    # Five variables of which two fit on a page: the last ones are found as well.
    assert platforms.count("GET .*/env$") == 2
    assert data["Written"] == ""
    assert data["Effect"].startswith("in effect: production deployment dpl_")


def should_write_only_what_has_changed(deployed: Deployed, project: VercelProject) -> None:
    deployed.create_resource("remote_app")
    deployed.supabase.put({"url": "https://other.example.com", "anon_key": ANON_KEY})

    answer = deployed.invoke()

    assert answer["remote_app"]["Written"] == "SUPABASE_URL"
    assert project.values()["SUPABASE_URL"] == "https://other.example.com"
    assert [variable["key"] for variable in project.bodies[-1]] == ["SUPABASE_URL"]


def should_put_both_signing_secrets_in_one_value_while_they_rotate(
    deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    deployed.signing("remote_app").put({"current": SECOND, "previous": FIRST})

    answer = deployed.invoke({"target": "remote_app"})

    assert answer["remote_app"]["Written"] == "WEBHOOK_SIGNING_SECRET"
    assert project.values()["WEBHOOK_SIGNING_SECRET"] == f"whsec_{SECOND} whsec_{FIRST}"
    assert project.kinds()["WEBHOOK_SIGNING_SECRET"] == "sensitive"


def should_write_what_was_changed_by_hand_when_forced(deployed: Deployed, project: VercelProject) -> None:
    deployed.create_resource("remote_app")
    for variable in project.variables:
        variable["value"] = "changed"

    assert deployed.invoke()["remote_app"]["Written"] == ""
    assert deployed.invoke({"force": True})["remote_app"]["Written"] == ALL
    assert project.values() == {"OTHER": "changed", **VALUES}


def should_take_over_a_variable_and_make_it_unreadable(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    platforms.vercel.add_variable(project, "WEBHOOK_SIGNING_SECRET", ["production"])
    platforms.vercel.add_variable(project, "SUPABASE_URL", ["production"], type="sensitive")

    deployed.create_resource("remote_app")

    assert project.values() == {"OTHER": "by hand", **VALUES}
    assert project.kinds()["WEBHOOK_SIGNING_SECRET"] == "sensitive"
    # A team's policy may want all of them so: it is not written against, again and again.
    assert project.kinds()["SUPABASE_URL"] == "sensitive"
    assert deployed.invoke()["remote_app"]["Written"] == ""


def should_leave_a_branchs_own_variable_alone(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    own = platforms.vercel.add_variable(project, "WEBHOOK_SIGNING_SECRET", ["preview"], gitBranch="feature")
    deployed.project("remote_app", "shop", "preview")

    deployed.create_resource("remote_app")
    deployed.delete_resource(deployed.withdraw("remote_app"))

    assert own in project.variables
    assert [each["key"] for each in project.variables] == ["OTHER", "WEBHOOK_SIGNING_SECRET"]


def should_follow_the_environments_that_are_declared(deployed: Deployed, project: VercelProject) -> None:
    deployed.project("remote_app", "shop", "production", "preview")
    data = deployed.create_resource("remote_app")
    assert project.values("preview") == {"OTHER": "by hand", **VALUES}
    assert data["Effect"].endswith("; previews have it from their next deployment on")

    deployed.project("remote_app", "shop", "preview")
    data = deployed.update_resource("remote_app")

    assert project.values() == {"OTHER": "by hand"}
    assert project.values("preview") == {"OTHER": "by hand", **VALUES}
    assert (data["Written"], data["Effect"]) == ("", "unchanged")


def should_say_what_to_do_about_a_variable_of_several_environments(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    platforms.vercel.add_variable(project, "SUPABASE_URL", ["production", "preview"])

    with pytest.raises(SyncError, match=r"ENV_CONFLICT: .*it is there for several environments at once"):
        deployed.create_resource("remote_app")

    assert project.values()["SUPABASE_URL"] == "by hand"


def should_remove_what_it_put_and_nothing_else(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    platforms.vercel.add_variable(project, "SUPABASE_URL", ["preview"])

    data = deployed.delete_resource(deployed.withdraw("remote_app"))

    assert data["Effect"] == "removed"
    assert project.values() == {"OTHER": "by hand"}
    assert project.values("preview") == {"OTHER": "by hand", "SUPABASE_URL": "by hand"}


def should_find_a_project_that_was_renamed_since(deployed: Deployed, project: VercelProject) -> None:
    deployed.create_resource("remote_app")
    project.name = "renamed"

    deployed.delete_resource(deployed.withdraw("remote_app"))

    assert project.values() == {"OTHER": "by hand"}


def should_take_a_project_that_is_gone_for_done_when_deleting(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    del platforms.vercel.projects[project.id]

    assert deployed.delete_resource(deployed.withdraw("remote_app"))["Effect"].startswith("nothing was there")


def should_take_a_variable_that_somebody_else_deletes_for_done(
    platforms: Platforms, deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    platforms.on("DELETE", Reply(503), after=True)

    assert deployed.delete_resource(deployed.withdraw("remote_app"))["Effect"] == "removed"
    assert project.values() == {"OTHER": "by hand"}


def should_not_take_the_variables_from_a_renamed_target(deployed: Deployed, project: VercelProject) -> None:
    deployed.create_resource("remote_app")
    before = deployed.withdraw("remote_app")
    deployed.project("shop_app")
    deployed.create_resource("shop_app")

    deployed.delete_resource(before)

    assert project.values() == {"OTHER": "by hand", **VALUES}


def should_give_a_target_its_variables_back_when_a_renaming_is_rolled_back(
    deployed: Deployed, project: VercelProject
) -> None:
    deployed.create_resource("remote_app")
    deployed.project("shop_app")
    deployed.signing("shop_app").put({"current": SECOND, "previous": ""})
    deployed.create_resource("shop_app")

    deployed.delete_resource(deployed.withdraw("shop_app"))

    assert project.values() == {"OTHER": "by hand", **VALUES}


def should_share_a_project_by_its_environments(deployed: Deployed, project: VercelProject) -> None:
    deployed.project("preview_app", "shop", "preview")
    deployed.signing("preview_app").put({"current": SECOND, "previous": ""})

    deployed.invoke()
    deployed.invoke({"force": True})
    deployed.delete_resource(deployed.withdraw("remote_app"), f"vercel/{project.id}")

    assert project.values() == {"OTHER": "by hand"}
    assert project.values("preview")["WEBHOOK_SIGNING_SECRET"] == f"whsec_{SECOND}"


@pytest.mark.usefixtures("deployed")
def should_say_which_project_is_missing(deployed: Deployed) -> None:
    deployed.project()

    with pytest.raises(SyncError) as raised:
        deployed.create_resource("remote_app")

    assert str(raised.value) == (
        'target "remote_app": Vercel answered 404 (not_found: Project not found.) for project "shop" of team'
        f' "{TEAM}": does "team" name its team? If there is no such project yet, "vercel deploy" makes it'
    )


@pytest.mark.usefixtures("project")
def should_say_what_the_token_must_be_allowed(deployed: Deployed) -> None:
    deployed.vercel.put({"api_token": "withdrawn"})

    with pytest.raises(SyncError, match=r"403 \(forbidden: Not authorized\)") as raised:
        deployed.create_resource("remote_app")

    assert f'"api_token" of secret "{deployed.vercel.id}" must be valid' in str(raised.value)
    assert "withdrawn" not in str(raised.value)
