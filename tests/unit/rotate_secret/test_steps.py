"""The four steps: what each does, done again, in the wrong order, and when something fails in between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from rotate_secret.entry import Entry
from rotate_secret.errors import EventError, RotationError
from rotate_secret.vault import Vault
from tests.unit.rotate_secret.stage import OLD, STEPS, Stage, interrupted
from tests.unit.targets import Answer

if TYPE_CHECKING:
    import io

    from tests.unit.targets import Target
    from tools.local.pg_net import StandIn


def in_force(stage: Stage) -> dict[str, str]:
    return stage.value()


def should_make_a_secret_of_the_same_form_without_touching_the_one_in_force(stage: Stage) -> None:
    token = stage.rotate(steps=("createSecret",))

    made = stage.value(VersionId=token)
    assert made["previous"] == OLD
    assert len(made["current"]) == 64
    assert made["current"].isalnum()
    assert stage.labels()[token] == ["AWSPENDING"]
    assert (in_force(stage)["current"], stage.vault()) == (OLD, [OLD])


def should_sign_with_both_while_only_the_old_one_is_accepted(stage: Stage) -> None:
    token = stage.rotate(steps=("createSecret", "setSecret"))

    assert stage.vault() == [stage.value(VersionId=token)["current"], OLD]
    assert in_force(stage)["current"] == OLD


def should_try_the_secrets_out_with_a_real_message(reached: Stage, receiver: Target) -> None:
    token = reached.rotate(steps=STEPS[:3])

    [message] = receiver.received
    assert message.verified(OLD)
    assert message.verified(reached.value(VersionId=token)["current"])
    assert message.path == "/webhooks/bridge.ping"


def should_bring_the_new_secret_into_force_beside_the_old(reached: Stage) -> None:
    token = reached.rotate()

    value = in_force(reached)
    assert value == {"current": reached.value(VersionId=token)["current"], "previous": OLD}
    assert reached.labels()[token] == ["AWSCURRENT"]
    assert reached.vault() == [value["current"], OLD]


def should_take_every_step_again_to_the_same_end(reached: Stage) -> None:
    token = str(uuid4())
    for step in STEPS:
        reached.take(step, token)
        reached.take(step, token)
    before = in_force(reached), reached.vault(), reached.labels()

    for step in STEPS:
        reached.take(step, token)

    assert (in_force(reached), reached.vault(), reached.labels()) == before


def should_rotate_a_targets_secret_and_no_other(reached: Stage, receiver: Target) -> None:
    reached.rotate(reached.edge)

    value = reached.value(reached.edge)
    assert value["previous"] == OLD
    assert reached.vault(target="edge") == [value["current"], OLD]
    assert receiver.received[0].path == "/bridge.ping"
    assert (in_force(reached)["current"], reached.vault()) == (OLD, [OLD])


def should_find_its_entry_by_its_arn(stage: Stage) -> None:
    arn = boto3.client("secretsmanager").describe_secret(SecretId=stage.api.id)["ARN"]
    token = str(uuid4())

    stage.invoke(
        {"SecretId": arn, "ClientRequestToken": token, "Step": "createSecret", "RotationToken": "theirs"}
    )

    assert stage.labels()[token] == ["AWSPENDING"]


def should_fill_the_version_that_secrets_manager_has_begun(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS labels an empty version before the first step; the emulator can't."""
    token = str(uuid4())
    begun_with = {token: frozenset({"AWSPENDING"})}
    described = Entry.versions

    def begun(self: Entry) -> Any:
        found = described(self)
        return type(found)(labels={**begun_with, **found.labels}, changed_at=found.changed_at)

    monkeypatch.setattr(Entry, "versions", begun)

    stage.take("createSecret", token)

    assert stage.value(VersionId=token)["previous"] == OLD


@pytest.mark.parametrize("step", ["setSecret", "finishSecret"])
def should_refuse_a_version_that_is_not_to_come_into_force(stage: Stage, step: str) -> None:
    with pytest.raises(RotationError, match=f'{step} of "webhook-signing-.*has no version "stranger"'):
        stage.take(step, "stranger")

    assert (in_force(stage)["current"], stage.vault()) == (OLD, [OLD])


def should_rehearse_with_what_is_in_force(stage: Stage) -> None:
    token = str(uuid4())
    boto3.client("secretsmanager").put_secret_value(
        SecretId=stage.api.id,
        ClientRequestToken=token,
        SecretString=json.dumps(in_force(stage)),
        VersionStages=["AWSPENDING"],
    )

    # Without any pg_net: the deployment that makes the schedule has sent a ping of its own.
    assert stage.take("testSecret", token) == "Vault holds what it should"

    stage.vault(["B" * 64])
    with pytest.raises(RotationError, match="Vault lacks 1 of the 1 secrets"):
        stage.take("testSecret", token)


def should_notice_that_a_deployment_came_between(stage: Stage) -> None:
    token = stage.rotate(steps=("createSecret", "setSecret"))
    stage.vault([OLD])

    with pytest.raises(RotationError, match=r"Vault lacks 1 of the 2 secrets .*a deployment may have come"):
        stage.take("testSecret", token)

    assert stage.refused_by() == []


@pytest.mark.parametrize("status", [401, 500])
def should_keep_the_old_secret_in_force_when_the_api_refuses(
    reached: Stage, receiver: Target, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("rotate_secret.vault.PING_SECONDS", 1.0)
    receiver.answer = lambda _: Answer(status)

    with pytest.raises(RotationError, match=rf"the secret in force stays: bridge.ping\(\).*HTTP {status}"):
        reached.rotate()

    assert in_force(reached)["current"] == OLD
    assert reached.refused_by() == []


def should_stop_for_a_target_that_refuses_but_not_for_one_that_is_down(
    reached: Stage, receiver: Target
) -> None:
    receiver.answer = lambda _: Answer(401)
    with pytest.raises(RotationError, match='"edge" answers 401 to messages that are signed with it'):
        reached.rotate(reached.edge)
    assert reached.value(reached.edge)["current"] == OLD

    receiver.answer = lambda _: Answer(503)
    reached.rotate(reached.edge)
    assert reached.value(reached.edge)["previous"] == OLD


def should_begin_anew_after_a_rotation_that_failed(reached: Stage, receiver: Target) -> None:
    receiver.answer = lambda _: Answer(401)
    with pytest.raises(RotationError):
        reached.rotate(reached.edge)
    receiver.answer = lambda _: Answer(202)

    token = reached.rotate(reached.edge)

    pending = [labels for labels in reached.labels(reached.edge).values() if "AWSPENDING" in labels]
    assert pending == []
    assert reached.labels(reached.edge)[token] == ["AWSCURRENT"]
    assert reached.vault(target="edge")[1:] == [OLD]


def should_say_what_the_database_says(stage: Stage) -> None:
    stage.database.execute("alter function bridge.set_signing_secret rename to gone")

    with pytest.raises(RotationError, match=r"set_signing_secret.*does not exist.*deploy the bridge"):
        stage.rotate(steps=("createSecret", "setSecret"))


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]', '{"current": ""}', '{"previous": "hunter2"}'])
def should_not_rotate_what_is_no_signing_secret(stage: Stage, text: str) -> None:
    stage.api.put_text(text)

    with pytest.raises(RotationError, match=f'secret "{stage.api.id}" holds no signing secret') as raised:
        stage.rotate(steps=("createSecret",))

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"SecretId": "external-compute/prod/database"}, "is no entry that this function rotates; known: "),
        ({"SecretId": "arn:aws:secretsmanager:eu-central-1:1:secret:other-AbCdEf"}, "is no entry"),
        ({"SecretId": None}, '"SecretId" of the event must be text'),
        ({"ClientRequestToken": ""}, '"ClientRequestToken" of the event must be text'),
        ({"Step": "dropSecret"}, "\"Step\" of the event is 'dropSecret', but must be one of"),
    ],
)
def should_refuse_strangers_events(stage: Stage, changed: dict[str, Any], words: str) -> None:
    event = {"SecretId": stage.api.id, "ClientRequestToken": str(uuid4()), "Step": "createSecret"}

    with pytest.raises(EventError, match=words):
        stage.invoke(event | changed)

    assert not [labels for labels in stage.labels().values() if "AWSPENDING" in labels]


def should_refuse_nothing_wherever_it_stops_and_finish_when_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vault, "try_out", lambda *_: "")
    for calls in range(100):
        old, token = in_force(stage)["current"], str(uuid4())
        stage.copies = [in_force(stage)]
        with interrupted(stage, monkeypatch, after=calls) as made:
            for step in STEPS:
                stage.take(step, token)
        for step in STEPS:
            stage.take(step, token)

        assert in_force(stage) == {"current": stage.value(VersionId=token)["current"], "previous": old}
        assert stage.refused_by() == []
        if len(made) < calls:
            break

    assert calls > 10


def should_refuse_nothing_when_it_rotates_twice_within_the_overlap(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vault, "try_out", lambda *_: "")
    stage.rotate()
    first = in_force(stage)["current"]
    assert stage.refused_by() == []
    token = str(uuid4())
    for step in STEPS:
        stage.take(step, token)
        # A receiver that has the first copy of all included.
        assert stage.refused_by() == []

    assert in_force(stage) == {"current": stage.value(VersionId=token)["current"], "previous": first}
    assert OLD not in in_force(stage).values()


def should_tell_no_secret(reached: Stage, log: io.StringIO, pg_net: StandIn) -> None:
    token = str(uuid4())
    answers = [reached.take(step, token) for step in STEPS]
    answers.append(reached.look_after())
    pg_net.stop()
    with pytest.raises(RotationError) as raised:
        reached.take("setSecret", "stranger")

    told = log.getvalue() + json.dumps(answers) + str(raised.value)
    assert '"message":"step taken"' in log.getvalue()
    for secret in (OLD, in_force(reached)["current"]):
        assert secret not in told
