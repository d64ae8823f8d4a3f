"""Between rotations: the overlap gets an end, ends, and what was left halfway is put right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from rotate_secret import handler as rotate_secret
from rotate_secret import upkeep
from rotate_secret.errors import EventError, RotationError
from rotate_secret.vault import Vault
from tests.unit.rotate_secret.stage import OLD, STEPS, Stage, interrupted
from tools.local import supabase

if TYPE_CHECKING:
    from tests.unit.rotate_secret.conftest import Platform


@pytest.fixture
def rotated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Right after a rotation of both entries, which every receiver has heard of."""
    monkeypatch.setattr(Vault, "try_out", lambda *_: "")
    stage.rotate()
    stage.rotate(stage.edge)
    stage.copies = [stage.value()]
    return stage


def past() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


def should_find_nothing_due_where_nothing_was_rotated(stage: Stage) -> None:
    assert set(stage.invoke({}).values()) == {"nothing is due"}
    assert stage.value() == {"current": OLD, "previous": ""}


def should_let_the_overlap_last_as_long_as_is_set(rotated: Stage) -> None:
    before = rotated.value()

    rotated.look_after()

    value = rotated.value()
    until = datetime.fromisoformat(value.pop("previous_until"))
    assert value == before
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=24)
    assert rotated.refused_by() == []


def should_leave_everything_as_it_is_until_then(rotated: Stage) -> None:
    rotated.look_after()
    before = rotated.value(), rotated.labels(), rotated.vault()

    assert rotated.look_after() == "nothing is due"

    assert (rotated.value(), rotated.labels(), rotated.vault()) == before


def should_withdraw_the_previous_secret_when_its_time_has_come(rotated: Stage) -> None:
    rotated.set_end(past())
    current = rotated.value()["current"]

    assert rotated.look_after() == "the previous secret is withdrawn"

    assert rotated.value() == {"current": current, "previous": ""}
    assert rotated.vault() == [current]
    assert rotated.refused_by() == []


def should_withdraw_it_at_once_when_told_to(rotated: Stage) -> None:
    current, other = rotated.value()["current"], rotated.value(rotated.edge)

    rotated.look_after(end_overlap=True)

    assert (rotated.value(), rotated.vault()) == ({"current": current, "previous": ""}, [current])
    assert rotated.value(rotated.edge) == other


def should_end_all_overlaps_when_no_entry_is_named(rotated: Stage) -> None:
    rotated.invoke({"end_overlap": True})

    assert [rotated.value()["previous"], rotated.value(rotated.edge)["previous"]] == ["", ""]


def should_wait_until_every_receiver_knows_what_has_just_come_into_force(
    rotated: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(upkeep, "SETTLING", timedelta(seconds=15))
    monkeypatch.setattr("rotate_secret.upkeep.time.sleep", waits.append)

    rotated.look_after(end_overlap=True)

    assert len(waits) == 1
    assert 10 < waits[0] <= 15


def should_refuse_nothing_wherever_it_stops_and_end_the_overlap_when_repeated(
    rotated: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for calls in range(100):
        rotated.set_end(past())
        rotated.copies = [rotated.value()]
        with interrupted(rotated, monkeypatch, after=calls) as made:
            rotated.look_after()
        rotated.look_after()

        assert rotated.value()["previous"] == ""
        assert rotated.vault() == [rotated.value()["current"]]
        if len(made) < calls:
            break
        rotated.rotate()

    assert calls > 4


def should_put_right_what_a_deployment_overwrote(rotated: Stage) -> None:
    rotated.vault([OLD])

    rotated.look_after()

    assert rotated.vault() == [rotated.value()["current"], OLD]


@pytest.mark.usefixtures("stand_ins")
def should_put_back_what_vault_has_lost_with_its_key(stage: Stage) -> None:
    supabase.lose_vault_key(stage.database.admin_url)
    assert stage.database.scalar("select bridge.signing_secret(null)") is None

    stage.invoke({})

    assert (stage.vault(), stage.vault(target="edge")) == ([OLD], [OLD])


@pytest.mark.usefixtures("stand_ins")
def should_rotate_although_vault_has_lost_its_key(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    supabase.lose_vault_key(stage.database.admin_url)
    monkeypatch.setattr(Vault, "try_out", lambda *_: "")

    stage.rotate()

    assert stage.vault() == [stage.value()["current"], OLD]


def should_leave_a_rotation_that_is_under_way_alone(rotated: Stage) -> None:
    rotated.set_end(past())
    token = rotated.rotate(steps=STEPS[:2])
    new = rotated.value(VersionId=token)["current"]

    rotated.look_after()

    assert rotated.vault() == [new, rotated.value()["current"]]
    assert rotated.take("testSecret", token) == ""
    rotated.take("finishSecret", token)
    assert rotated.value()["current"] == new
    assert rotated.refused_by() == []


def should_let_a_rotation_that_comes_between_win(rotated: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rotated.set_end(past())
    put = Vault.put
    came: list[str] = []

    def put_and_rotate(self: Vault, target: str | None, keys: list[str]) -> None:
        put(self, target, keys)
        if not came:
            came.append("")
            came[0] = rotated.rotate()

    monkeypatch.setattr(Vault, "put", put_and_rotate)

    with pytest.raises(RotationError, match="was changed meanwhile: what is in force now stays so"):
        rotated.look_after()

    assert rotated.value() == rotated.value(VersionId=came[0])
    assert rotated.refused_by() == []
    rotated.look_after()
    assert rotated.value()["current"] == rotated.value(VersionId=came[0])["current"]


def should_take_what_comes_by_hand_for_a_rotation(rotated: Stage) -> None:
    rotated.api.put({"current": "whsec_" + "C" * 64, "previous": OLD})

    rotated.look_after()

    assert rotated.vault() == ["C" * 64, OLD]
    assert "previous_until" in rotated.value()


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-23T15:00:00"])
def should_name_a_time_that_is_none(rotated: Stage, text: str) -> None:
    rotated.api.put(rotated.value() | {"previous_until": text})

    with pytest.raises(RotationError, match=f'"previous_until" of secret .* must be a time .*{text}'):
        rotated.look_after()


def should_look_after_one_entry_whatever_becomes_of_another(rotated: Stage) -> None:
    rotated.api.put_text("broken")
    rotated.vault(["B" * 64], target="edge")

    with pytest.raises(RotationError) as raised:
        rotated.invoke({})

    assert str(raised.value).startswith('"webhook-signing-')
    assert '; "target-edge-' in str(raised.value)
    assert rotated.vault(target="edge") == [rotated.value(rotated.edge)["current"], OLD]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"entry": "database"}, "'database' is no entry that this function rotates"),
        ({"step": "createSecret"}, 'the event has no "step"; it may have "end_overlap", "entry"'),
        ({"end_overlap": "yes"}, '"end_overlap" of the event must be true or false'),
    ],
)
def should_refuse_an_event_that_may_mean_something_else(
    stage: Stage, event: dict[str, Any], words: str
) -> None:
    with pytest.raises(EventError, match=words):
        stage.invoke(event)


def should_tell_the_platform_whenever_other_secrets_are_in_force(rotated: Stage, platform: Platform) -> None:
    rotated.invoke({})
    assert platform.told == ["edge"]
    rotated.invoke({})
    assert platform.told == ["edge"]

    rotated.rotate(rotated.edge)
    assert platform.told == ["edge"] * 2
    rotated.invoke({})
    assert platform.told == ["edge"] * 2

    rotated.look_after(end_overlap=True, secret=rotated.edge)
    assert platform.told == ["edge"] * 3


def should_say_that_the_platform_was_not_told_and_tell_it_later(rotated: Stage, platform: Platform) -> None:
    platform.fail()
    token = str(uuid4())
    for step in STEPS[:3]:
        rotated.take(step, token, rotated.edge)

    for _ in range(2):
        with pytest.raises(RotationError, match=r'platform of "edge" could not be told.*Vercel answered 403'):
            rotated.take("finishSecret", token, rotated.edge)
    # Both secrets are in force all the same, and what the platform knows is among them.
    assert rotated.value(rotated.edge)["current"] == rotated.vault(target="edge")[0]

    platform.recover()
    rotated.take("finishSecret", token, rotated.edge)
    assert "ON_PLATFORM" in rotated.labels(rotated.edge)[token]


def should_end_the_overlap_on_the_platform_after_it_could_not_be_told(
    rotated: Stage, platform: Platform
) -> None:
    platform.fail()
    with pytest.raises(RotationError):
        rotated.look_after(end_overlap=True, secret=rotated.edge)
    platform.recover()

    assert rotated.look_after(secret=rotated.edge) == "its platform has been told"


@pytest.mark.usefixtures("platform")
def should_name_a_function_that_is_not_there(rotated: Stage) -> None:
    boto3.client("lambda").delete_function(FunctionName=rotate_secret.settings().sync_function)

    with pytest.raises(RotationError, match=r"could not be told.*: ResourceNotFoundException"):
        rotated.look_after(end_overlap=True, secret=rotated.edge)
